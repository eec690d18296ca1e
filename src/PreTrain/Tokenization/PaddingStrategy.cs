namespace PreTrain.Tokenization;

/// <summary>To what length encodings are filled up.</summary>
public enum PaddingStrategy
{
    /// <summary>They are not.</summary>
    None,

    /// <summary>To that of the longest in the batch.</summary>
    Longest,

    /// <summary>To <see cref="PaddingOptions.Length"/>.</summary>
    Fixed,
}
