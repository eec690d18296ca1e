using System.Text.Json.Nodes;
using PreTrain.Tokenization;

namespace PreTrain.Data.Masking;

/// <summary>BART's objective (Lewis et al. 2020, section 2.2): the whole text is written from a corrupted one. Sentences are exchanged first, then tokens deleted, masked and spans infilled, and the text rotated last.</summary>
public sealed class Denoising : ISequenceCorruption
{
    private readonly DenoisingOptions _options;
    private readonly TokenTable _table;
    private readonly int _mask;

    /// <summary>Reads the vocabulary.</summary>
    /// <param name="tokenizer">Made the tokens.</param>
    /// <param name="options">What is done to texts.</param>
    /// <exception cref="ArgumentException">An option is out of range, or the tokenizer has no mask token.</exception>
    public Denoising(TextTokenizer tokenizer, DenoisingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        _options = options ?? new DenoisingOptions();
        _options.Validate();
        _mask = TokenMasker.MaskOf(tokenizer);
        _table = new TokenTable(tokenizer);
    }

    /// <inheritdoc/>
    public string Name => "denoising";

    /// <inheritdoc/>
    public JsonObject Describe() => new()
    {
        ["infillingRate"] = _options.InfillingRate,
        ["meanSpanLength"] = _options.MeanSpanLength,
        ["maskingRate"] = _options.MaskingRate,
        ["deletionRate"] = _options.DeletionRate,
        ["permutesSentences"] = _options.PermutesSentences,
        ["rotationShare"] = _options.RotationShare,
    };

    /// <inheritdoc/>
    public int TextLength(int sourceLength) => sourceLength >= 2 ? sourceLength : throw new ArgumentException($"A context with room for {sourceLength} tokens of text is too short. Use a longer one.");

    /// <inheritdoc/>
    public (long[] Source, long[] Target) Corrupt(ReadOnlySpan<long> text, ulong seed)
    {
        var random = new MaskRandom(seed);
        long[] target = text.ToArray(), source = target;
        if (_options.PermutesSentences) source = Permute(source, ref random);
        if (_options.DeletionRate > 0) source = Delete(source, ref random);
        if (_options.MaskingRate > 0) source = Mask(source, ref random);
        if (_options.InfillingRate > 0) source = Infill(source, ref random);
        if (_options.RotationShare > 0 && random.NextDouble() < _options.RotationShare && random.Next(source.Length) is var start) source = [.. source[start..], .. source[..start]];
        return (source, target);
    }

    private long[] Permute(long[] text, ref MaskRandom random)
    {
        int[] starts = [0, .. Enumerable.Range(1, text.Length - 1).Where(i => _table.IsSentenceBoundary(text[i - 1], text[i])), text.Length];
        return [.. random.Permutation(starts.Length - 1).SelectMany(sentence => text[starts[sentence]..starts[sentence + 1]])];
    }

    private long[] Delete(long[] text, ref MaskRandom random)
    {
        var lost = random.Permutation(text.Length).Take(Math.Min(text.Length - 1, (int)Math.Round(_options.DeletionRate * text.Length))).ToHashSet();
        return [.. text.Where((_, i) => !lost.Contains(i))];
    }

    private long[] Mask(long[] text, ref MaskRandom random)
    {
        long[] masked = [.. text];
        foreach (int place in random.Permutation(text.Length).Take((int)Math.Round(_options.MaskingRate * text.Length))) masked[place] = _mask;
        return masked;
    }

    private long[] Infill(long[] text, ref MaskRandom random)
    {
        int budget = Math.Max(1, (int)Math.Round(_options.InfillingRate * text.Length)), lost = 0;
        var lengths = new List<int>();
        while (lost < budget)
        {
            int length = Math.Min(random.NextPoisson(_options.MeanSpanLength), budget - lost);
            if (length == 0 && lengths.Count >= lost) continue;   // no text becomes longer than it was
            lengths.Add(length);
            lost += length;
        }
        // Every order of the spans and of the tokens that stay is as probable as any other.
        var isSpan = random.Permutation(text.Length - lost + lengths.Count).Take(lengths.Count).ToHashSet();
        var source = new List<long>(text.Length);
        for (int i = 0, place = 0, span = 0; i < text.Length - lost + lengths.Count; i++)
        {
            if (!isSpan.Contains(i))
            {
                source.Add(text[place++]);
                continue;
            }
            source.Add(_mask);
            place += lengths[span++];
        }
        return [.. source];
    }
}
