using Microsoft.ML.Tokenizers;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization;

public abstract partial class TextTokenizer
{
    private const int ParallelLength = 1 << 16;   // characters of a batch that are worth more than one thread

    /// <summary>What puts special tokens around texts.</summary>
    internal virtual IPostProcessor? PostProcessor => null;

    /// <summary>What the tokenizer's file says about encodings that are too long.</summary>
    internal virtual TruncationOptions Truncation => TruncationOptions.None;

    /// <summary>What the tokenizer's file says about filling up.</summary>
    internal virtual PaddingOptions Padding => PaddingOptions.None;

    /// <summary>
    /// Encodes a text, or a pair of texts, with all there is to know of each token: its place in the text, its word, its type. Special tokens are added,
    /// too long encodings cut and too short ones filled up, as the options or the tokenizer's file say.
    /// </summary>
    /// <param name="text">The text; a lone surrogate counts as U+FFFD.</param>
    /// <param name="pair">The second text of a pair.</param>
    /// <param name="options">How to encode.</param>
    /// <exception cref="ArgumentException">An option is not valid, or does not fit the texts.</exception>
    public TokenEncoding Tokenize(string text, string? pair = null, EncodingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        options ??= new EncodingOptions();
        options.Validate();
        EncodingDraft draft = Draft(text, pair, options);
        PaddingOptions padding = options.Padding ?? Padding;
        return new TokenEncoding(draft, padding.TargetLength(draft.Count), padding, Filler(padding));
    }

    /// <summary>Encodes texts, or pairs of texts, to rows of one length.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="pairs">The second texts of the pairs, as many.</param>
    /// <param name="options">How to encode. Rows are filled up to the longest one if nothing else is said.</param>
    /// <exception cref="ArgumentException">An option is not valid, or does not fit the texts.</exception>
    public TokenBatch TokenizeBatch(IReadOnlyList<string> texts, IReadOnlyList<string>? pairs = null, EncodingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(texts);
        options ??= new EncodingOptions();
        options.Validate();
        if (pairs is not null && pairs.Count != texts.Count)
            throw new ArgumentException($"There are {texts.Count} texts, but {pairs.Count} second ones; give as many.", nameof(pairs));
        PaddingOptions padding = options.Padding ?? Padding;
        if (padding.Strategy == PaddingStrategy.None)
            padding = padding with { Strategy = PaddingStrategy.Longest };
        var drafts = new EncodingDraft[texts.Count];
        if (texts.Sum(text => (long)text.Length) < ParallelLength)
        {
            for (int i = 0; i < drafts.Length; i++)
                drafts[i] = Draft(texts[i], pairs?[i], options);
        }
        else
        {
            Parallel.For(0, drafts.Length, i => drafts[i] = Draft(texts[i], pairs?[i], options));
        }

        var rows = new List<(EncodingDraft, int)>();
        for (int i = 0; i < drafts.Length; i++)
        {
            rows.Add((drafts[i], i));
            if (options.IncludeWindows)
                rows.AddRange(drafts[i].Overflow.Select(window => (window, i)));
        }

        int longest = rows.Select(row => row.Item1.Count).Append(0).Max();
        return new TokenBatch(rows, Math.Max(longest, padding.TargetLength(longest)), Filler(padding).Id, padding.TypeId, padding.Side);
    }

    /// <summary>Appends the tokens of a text: by default those of <see cref="Tokenizer.EncodeToTokens(string, out string?, bool, bool)"/>, each a word.</summary>
    internal virtual void Encode(string text, int sequence, EncodingDraft draft)
    {
        IReadOnlyList<EncodedToken> tokens = EncodeToTokens(text, out string? normalized);
        for (int i = 0; i < tokens.Count; i++)
        {
            // Places in a normalized text say nothing about the original one.
            (int start, int length) = normalized is null || normalized == text ? tokens[i].Offset.GetOffsetAndLength(text.Length) : (0, 0);
            draft.Add(tokens[i].Id, tokens[i].Value, new TokenSpan(start, start + length), i, sequence);
        }
    }

    private EncodingDraft Draft(string text, string? pair, EncodingOptions options)
    {
        List<EncodingDraft> parts = [];
        foreach (string? part in (string?[])[text, pair])
        {
            if (part is null)
                continue;
            var draft = new EncodingDraft();
            Encode(part, parts.Count, draft);
            // Post-processors count characters.
            if (HasPairs(part))
                Convert(draft, OffsetConverter.ToCodePoints(part));
            parts.Add(draft);
        }

        int added = options.AddSpecialTokens ? PostProcessor?.AddedCount(parts.Count == 2) ?? 0 : 0;
        Pipeline.Truncation.Apply(parts[0], parts.Count == 2 ? parts[1] : null, options.Truncation ?? Truncation, added);
        parts = PostProcessor?.Process(parts, options.AddSpecialTokens) ?? parts;
        foreach (EncodingDraft part in parts)
        {
            int sequence = part.Sequences.Find(s => s >= 0);
            string source = sequence == 0 ? text : pair!;
            if (options.Offsets == OffsetUnit.Utf8Bytes || (options.Offsets == OffsetUnit.Utf16 && HasPairs(source)))
                Convert(part, OffsetConverter.FromCodePoints(source, options.Offsets));
        }

        var whole = new EncodingDraft();
        foreach (EncodingDraft part in parts)
            whole.Merge(part);
        return whole;
    }

    private static bool HasPairs(string text) => text.AsSpan().ContainsAnyInRange('\ud800', '\udfff');

    private static void Convert(EncodingDraft draft, OffsetConverter converter) => draft.MapOffsets((_, _, span) => converter.Convert(span));

    private (int Id, string Token) Filler(PaddingOptions padding)
    {
        int id = padding.Id ?? SpecialTokens.Padding ?? 0;
        return (id, padding.Token ?? IdToToken(id) ?? "[PAD]");
    }
}
