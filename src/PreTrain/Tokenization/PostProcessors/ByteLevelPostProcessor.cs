using System.Text.Json;
using PreTrain.Tokenization.Pipeline;
using PreTrain.Tokenization.PreTokenizers;
using PreTrain.Tokenization.Unicode;

namespace PreTrain.Tokenization.PostProcessors;

/// <summary>Takes the blanks at a token's ends out of its place in the text: <c>ByteLevel</c>.</summary>
internal sealed class ByteLevelPostProcessor(bool addPrefixSpace, bool trimOffsets, bool usesPattern) : IPostProcessor
{
    private const char SpelledBlank = 'Ġ';

    /// <inheritdoc/>
    public int AddedCount(bool isPair) => 0;

    /// <inheritdoc/>
    public List<EncodingDraft> Process(List<EncodingDraft> parts, bool addSpecialTokens)
    {
        if (trimOffsets)
            parts.ForEach(part => Trim(part, addPrefixSpace));
        return parts;
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json) => ByteLevelSplitter.Write(json, addPrefixSpace, trimOffsets, usesPattern);

    /// <summary>Takes the blanks out of all places.</summary>
    public static void Trim(EncodingDraft draft, bool addPrefixSpace) => draft.MapOffsets((index, token, offset) =>
    {
        int leading = 0, trailing = 0;
        while (leading < token.Length && IsBlank(token[leading]))
            leading++;
        while (trailing < token.Length && IsBlank(token[token.Length - 1 - trailing]))
            trailing++;
        (int start, int end) = offset;
        if (leading > 0)
        {
            // A single blank at the beginning is the one that was added, so that it is in no place.
            if ((index == 0 || start == 0) && addPrefixSpace && leading == 1)
                leading = 0;
            start = Math.Min(start + leading, end);
        }

        if (trailing > 0 && end >= trailing)
            end = Math.Max(end - trailing, start);
        return new TokenSpan(start, end);
    });

    private static bool IsBlank(char c) => c == SpelledBlank || (!char.IsSurrogate(c) && Characters.Is(c, CharacterFlags.Space));
}
