namespace PreTrain.Data.Images;

/// <summary>Images of one size, scaled as a model takes them.</summary>
/// <param name="Pixels">Image by image, (count, channels, height, width).</param>
/// <param name="Count">The images.</param>
/// <param name="ChannelCount">The channels of each.</param>
/// <param name="Height">Rows of each.</param>
/// <param name="Width">Pixels of a row.</param>
public sealed record ImageBatch(float[] Pixels, int Count, int ChannelCount, int Height, int Width)
{
    /// <summary>The shape of <see cref="Pixels"/>.</summary>
    public long[] Shape => [Count, ChannelCount, Height, Width];

    /// <summary>Some of the images.</summary>
    /// <param name="first">The first one.</param>
    /// <param name="count">How many.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are no such images.</exception>
    public ImageBatch Slice(int first, int count)
    {
        if (first < 0 || count < 0 || first > Count - count) throw new ArgumentOutOfRangeException(nameof(first), first, $"{count} images from {first} must lie within the {Count} of the batch.");
        int size = ChannelCount * Height * Width;
        return this with { Pixels = Pixels[(first * size)..((first + count) * size)], Count = count };
    }
}
