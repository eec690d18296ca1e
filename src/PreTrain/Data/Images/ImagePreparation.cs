using System.Numerics.Tensors;
using PreTrain.Data.Masking;

namespace PreTrain.Data.Images;

/// <summary>Makes of an image what a model takes. What is drawn follows from the image's seed alone.</summary>
internal sealed class ImagePreparation
{
    // Grill et al. 2020, "BYOL", appendix B.
    private const double MinBlur = 0.1, MaxBlur = 2;

    private readonly ImageOptions _options;
    private readonly int _size, _channels;
    private readonly float[] _mean, _deviation;

    /// <param name="options">How.</param>
    /// <param name="size">Height and width.</param>
    /// <param name="channels">1 or 3.</param>
    /// <exception cref="ArgumentException">The channels are others, or the mean or the deviation is of others.</exception>
    internal ImagePreparation(ImageOptions options, int size, int channels)
    {
        if (channels is not (1 or 3)) throw new ArgumentException($"A model of {channels} channels cannot be trained on images of files; it must have 1 (grey) or 3 (red, green, blue).", nameof(channels));
        (_options, _size, _channels) = (options, size, channels);
        (_mean, _deviation) = (Of(nameof(ImageOptions.Mean), options.Mean), Of(nameof(ImageOptions.Deviation), options.Deviation));

        float[] Of(string name, IReadOnlyList<double> values) => values.Count == channels ? [.. values.Select(value => (float)value)]
            : values.Count == 1 ? [.. Enumerable.Repeat((float)values[0], channels)]
            : throw new ArgumentException($"{name} has {values.Count} numbers, and the model takes images of {channels} channels. Give one number, or {channels}.", nameof(options));
    }

    /// <summary>The numbers of an image.</summary>
    internal int Length => _channels * _size * _size;

    /// <summary>The square in the middle, as it is.</summary>
    internal void Plain(RasterImage image, Span<float> target) => Finish(Resize(image, ImageCrop.Middle(image.Width, image.Height)), target);

    /// <summary>A part, with all the changes that its seed draws.</summary>
    internal void Changed(RasterImage image, ulong seed, Span<float> target)
    {
        var random = new MaskRandom(seed);
        // All is drawn in any case, so that one option does not change what another one draws.
        double flip = random.NextDouble(), brightness = Factor(_options.Brightness, ref random), contrast = Factor(_options.Contrast, ref random), saturation = Factor(_options.Saturation, ref random);
        double hue = _options.Hue * (2 * random.NextDouble() - 1), jitter = random.NextDouble(), grey = random.NextDouble(), blur = random.NextDouble(), solarize = random.NextDouble();
        double deviation = MinBlur + (MaxBlur - MinBlur) * random.NextDouble();
        int[] order = random.Permutation(4);
        float[] planes = Resize(image, ImageCrop.Draw(image.Width, image.Height, _options.MinCropArea, ref random));
        if (jitter < _options.JitterProbability)
        {
            foreach (int change in order)
            {
                if (change == 0 && _options.Brightness > 0) ImageColours.Stretch(planes, 0, (float)brightness);
                else if (change == 1 && _options.Contrast > 0) ImageColours.Stretch(planes, ImageColours.MeanGrey(planes, _channels), (float)contrast);
                else if (change == 2 && _options.Saturation > 0 && _channels == 3) ImageColours.Saturate(planes, (float)saturation);
                else if (change == 3 && _options.Hue > 0 && _channels == 3) ImageColours.Turn(planes, (float)hue);
            }
        }
        if (grey < _options.GreyProbability && _channels == 3) ImageColours.Saturate(planes, 0);
        if (blur < _options.BlurProbability) GaussianBlur.Apply(planes, _size, deviation);
        if (solarize < _options.SolarizeProbability) ImageColours.Solarize(planes);
        if (flip < _options.FlipProbability)
        {
            for (int row = 0; row < planes.Length; row += _size) planes.AsSpan(row, _size).Reverse();
        }
        Finish(planes, target);

        static double Factor(double range, ref MaskRandom random) => 1 + range * (2 * random.NextDouble() - 1);
    }

    private float[] Resize(RasterImage image, ImageCrop crop)
    {
        float[] planes = BilinearResize.Apply(image, crop, _size);
        if (image.ChannelCount == _channels) return planes;
        int plane = _size * _size;
        float[] result = new float[Length];
        if (_channels == 3)
        {
            for (int c = 0; c < 3; c++) planes.CopyTo(result, c * plane);
        }
        else
        {
            for (int c = 0; c < 3; c++) TensorPrimitives.MultiplyAdd(planes.AsSpan(c * plane, plane), ImageColours.GreyWeights[c], result, result);
        }
        return result;
    }

    private void Finish(float[] planes, Span<float> target)
    {
        int plane = _size * _size;
        for (int c = 0; c < _channels; c++)
        {
            Span<float> part = target.Slice(c * plane, plane);
            TensorPrimitives.Subtract(planes.AsSpan(c * plane, plane), _mean[c], part);
            TensorPrimitives.Divide(part, _deviation[c], part);
        }
    }
}
