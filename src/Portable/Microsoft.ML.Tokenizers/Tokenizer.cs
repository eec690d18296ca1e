using System.Buffers;

namespace Microsoft.ML.Tokenizers;

/// <summary>Turns text into token ids, and ids into text.</summary>
public abstract class Tokenizer
{
    /// <summary>For derived tokenizers.</summary>
    protected Tokenizer() { }

    /// <summary>What rewrites the text first; <see langword="null"/> if nothing does.</summary>
    public virtual Normalizer? Normalizer => null;

    /// <summary>What cuts the text into pieces; <see langword="null"/> if nothing does.</summary>
    public virtual PreTokenizer? PreTokenizer => null;

    /// <summary>Encodes a text to tokens. <paramref name="textSpan"/> holds the text where <paramref name="text"/> is <see langword="null"/>.</summary>
    protected abstract EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings);

    /// <summary>Encodes a text to ids; by default the ids of <see cref="EncodeToTokens(string?, ReadOnlySpan{char}, EncodeSettings)"/>.</summary>
    protected virtual EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        EncodeResults<EncodedToken> encoded = EncodeToTokens(text, textSpan, settings);
        int[] ids = new int[encoded.Tokens.Count];
        for (int i = 0; i < ids.Length; i++)
            ids[i] = encoded.Tokens[i].Id;
        return new EncodeResults<int> { Tokens = ids, NormalizedText = encoded.NormalizedText, CharsConsumed = encoded.CharsConsumed };
    }

    /// <summary>Counts the tokens of a text; by default those of <see cref="EncodeToTokens(string?, ReadOnlySpan{char}, EncodeSettings)"/>.</summary>
    protected virtual int CountTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings) =>
        EncodeToTokens(text, textSpan, settings).Tokens.Count;

    /// <summary>
    /// Finds how much of a text fits into <see cref="EncodeSettings.MaxTokenCount"/> tokens: the index after the last character that
    /// fits or, with <paramref name="fromEnd"/>, the index of the first one.
    /// </summary>
    protected virtual int GetIndexByTokenCount(
        string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings, bool fromEnd, out string? normalizedText, out int tokenCount)
    {
        int limit = settings.MaxTokenCount;
        if (fromEnd)
            settings.MaxTokenCount = int.MaxValue;   // the last tokens are known only once all are
        EncodeResults<EncodedToken> encoded = EncodeToTokens(text, textSpan, settings);
        IReadOnlyList<EncodedToken> tokens = encoded.Tokens;
        normalizedText = encoded.NormalizedText;
        tokenCount = Math.Min(limit, tokens.Count);
        if (fromEnd)
            return tokenCount > 0 ? tokens[tokens.Count - tokenCount].Offset.Start.Value : normalizedText?.Length ?? textSpan.Length;
        return tokenCount > 0 ? tokens[tokenCount - 1].Offset.End.Value : 0;
    }

    /// <summary>Encodes a text to ids.</summary>
    public IReadOnlyList<int> EncodeToIds(string text, bool considerPreTokenization = true, bool considerNormalization = true) =>
        EncodeToIds(text, text.AsSpan(), Settings(considerPreTokenization, considerNormalization)).Tokens;

    /// <summary>Encodes a text to ids.</summary>
    public IReadOnlyList<int> EncodeToIds(ReadOnlySpan<char> text, bool considerPreTokenization = true, bool considerNormalization = true) =>
        EncodeToIds(null, text, Settings(considerPreTokenization, considerNormalization)).Tokens;

    /// <summary>Encodes as much of a text as fits into <paramref name="maxTokenCount"/> ids.</summary>
    public IReadOnlyList<int> EncodeToIds(
        string text, int maxTokenCount, out string? normalizedText, out int charsConsumed, bool considerPreTokenization = true, bool considerNormalization = true)
    {
        EncodeResults<int> encoded = EncodeToIds(text, text.AsSpan(), Settings(considerPreTokenization, considerNormalization, maxTokenCount));
        (normalizedText, charsConsumed) = (encoded.NormalizedText, encoded.CharsConsumed);
        return encoded.Tokens;
    }

    /// <summary>Encodes as much of a text as fits into <paramref name="maxTokenCount"/> ids.</summary>
    public IReadOnlyList<int> EncodeToIds(
        ReadOnlySpan<char> text, int maxTokenCount, out string? normalizedText, out int charsConsumed, bool considerPreTokenization = true, bool considerNormalization = true)
    {
        EncodeResults<int> encoded = EncodeToIds(null, text, Settings(considerPreTokenization, considerNormalization, maxTokenCount));
        (normalizedText, charsConsumed) = (encoded.NormalizedText, encoded.CharsConsumed);
        return encoded.Tokens;
    }

    /// <summary>Encodes a text to tokens with their places in it.</summary>
    public IReadOnlyList<EncodedToken> EncodeToTokens(
        string text, out string? normalizedText, bool considerPreTokenization = true, bool considerNormalization = true)
    {
        EncodeResults<EncodedToken> encoded = EncodeToTokens(text, text.AsSpan(), Settings(considerPreTokenization, considerNormalization));
        normalizedText = encoded.NormalizedText;
        return encoded.Tokens;
    }

    /// <summary>Encodes a text to tokens with their places in it.</summary>
    public IReadOnlyList<EncodedToken> EncodeToTokens(
        ReadOnlySpan<char> text, out string? normalizedText, bool considerPreTokenization = true, bool considerNormalization = true)
    {
        EncodeResults<EncodedToken> encoded = EncodeToTokens(null, text, Settings(considerPreTokenization, considerNormalization));
        normalizedText = encoded.NormalizedText;
        return encoded.Tokens;
    }

    /// <summary>Counts the tokens of a text.</summary>
    public int CountTokens(string text, bool considerPreTokenization = true, bool considerNormalization = true) =>
        CountTokens(text, text.AsSpan(), Settings(considerPreTokenization, considerNormalization));

    /// <summary>Counts the tokens of a text.</summary>
    public int CountTokens(ReadOnlySpan<char> text, bool considerPreTokenization = true, bool considerNormalization = true) =>
        CountTokens(null, text, Settings(considerPreTokenization, considerNormalization));

    /// <summary>Finds the index after the last character that fits into <paramref name="maxTokenCount"/> tokens.</summary>
    public int GetIndexByTokenCount(
        string text, int maxTokenCount, out string? normalizedText, out int tokenCount, bool considerPreTokenization = true, bool considerNormalization = true) =>
        GetIndexByTokenCount(text, text.AsSpan(), Settings(considerPreTokenization, considerNormalization, maxTokenCount), false, out normalizedText, out tokenCount);

    /// <summary>Finds the index after the last character that fits into <paramref name="maxTokenCount"/> tokens.</summary>
    public int GetIndexByTokenCount(
        ReadOnlySpan<char> text, int maxTokenCount, out string? normalizedText, out int tokenCount, bool considerPreTokenization = true, bool considerNormalization = true) =>
        GetIndexByTokenCount(null, text, Settings(considerPreTokenization, considerNormalization, maxTokenCount), false, out normalizedText, out tokenCount);

    /// <summary>Finds the index from which on the text fits into <paramref name="maxTokenCount"/> tokens.</summary>
    public int GetIndexByTokenCountFromEnd(
        string text, int maxTokenCount, out string? normalizedText, out int tokenCount, bool considerPreTokenization = true, bool considerNormalization = true) =>
        GetIndexByTokenCount(text, text.AsSpan(), Settings(considerPreTokenization, considerNormalization, maxTokenCount), true, out normalizedText, out tokenCount);

    /// <summary>Finds the index from which on the text fits into <paramref name="maxTokenCount"/> tokens.</summary>
    public int GetIndexByTokenCountFromEnd(
        ReadOnlySpan<char> text, int maxTokenCount, out string? normalizedText, out int tokenCount, bool considerPreTokenization = true, bool considerNormalization = true) =>
        GetIndexByTokenCount(null, text, Settings(considerPreTokenization, considerNormalization, maxTokenCount), true, out normalizedText, out tokenCount);

    /// <summary>Decodes ids to text.</summary>
    /// <exception cref="ArgumentNullException"><paramref name="ids"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidOperationException">An id stands for nothing.</exception>
    public virtual string Decode(IEnumerable<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        int size = ids.TryGetNonEnumeratedCount(out int count) ? Math.Max(16, count * 8) : 1024;
        while (true)
        {
            char[] buffer = ArrayPool<char>.Shared.Rent(size);
            try
            {
                switch (Decode(ids, buffer, out _, out int written))
                {
                    case OperationStatus.Done:
                        return new string(buffer, 0, written);
                    case OperationStatus.DestinationTooSmall:
                        size = checked(buffer.Length * 2);
                        break;
                    default:
                        throw new InvalidOperationException("The ids cannot be decoded: at least one of them stands for nothing.");
                }
            }
            finally
            {
                ArrayPool<char>.Shared.Return(buffer);
            }
        }
    }

    /// <summary>Decodes ids to text in <paramref name="destination"/>.</summary>
    /// <returns><see cref="OperationStatus.Done"/>, or <see cref="OperationStatus.DestinationTooSmall"/> if only the first ids fitted.</returns>
    public abstract OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten);

    private static EncodeSettings Settings(bool preTokenize, bool normalize, int limit = int.MaxValue) =>
        new() { ConsiderPreTokenization = preTokenize, ConsiderNormalization = normalize, MaxTokenCount = limit };
}
