using System.Text.Json.Nodes;

namespace PreTrain.Data.Masking;

/// <summary>Prefix language modelling (Raffel et al. 2020, section 3.3.1, after Liu et al. 2018): a text is cut at a random place; the first part is read from both sides, and the second one written.</summary>
public sealed class PrefixSplit : ISequenceCorruption
{
    /// <inheritdoc/>
    public string Name => "prefix-lm";

    /// <inheritdoc/>
    public JsonObject Describe() => [];

    /// <inheritdoc/>
    public int TextLength(int sourceLength) => sourceLength >= 2 ? sourceLength : throw new ArgumentException($"A context with room for {sourceLength} tokens of text cannot be cut in two. Use a longer one.");

    /// <inheritdoc/>
    public (long[] Source, long[] Target) Corrupt(ReadOnlySpan<long> text, ulong seed)
    {
        int cut = 1 + new MaskRandom(seed).Next(text.Length - 1);
        return (text[..cut].ToArray(), text[cut..].ToArray());
    }
}
