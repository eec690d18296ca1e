namespace PreTrain.Models;

/// <summary>How a <see cref="SentenceEncoder"/> makes a vector of a text.</summary>
public sealed record SentenceEncoderOptions
{
    /// <summary>What becomes of the tokens' states.</summary>
    /// <value>The default is <see cref="SentencePooling.Mean"/>.</value>
    public SentencePooling Pooling { get; init; }

    /// <summary>Whether vectors have the length 1, so that their products are cosines.</summary>
    /// <value>The default is true.</value>
    public bool Normalizes { get; init; } = true;

    /// <summary>The longest text, in tokens with those around it; what lies behind is cut off. Null for the model's context, or 512 where that has no limit.</summary>
    /// <value>The default is null.</value>
    public int? MaxLength { get; init; }

    /// <summary>What the folder of a sentence encoder says, in the layout of the library sentence-transformers.</summary>
    /// <param name="folder">The folder.</param>
    /// <returns>Null where it holds no <c>modules.json</c>: a model that is no sentence encoder.</returns>
    /// <exception cref="Checkpoints.CheckpointException">A file is broken, or names a module or a pooling that is not known here.</exception>
    public static SentenceEncoderOptions? FromFolder(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        return SentenceFolder.Read(folder);
    }
}
