using System.Buffers;
using System.Text;
using System.Text.Json;
using PreTrain.Tokenization.Pipeline;
using PreTrain.Tokenization.Unicode;

namespace PreTrain.Tokenization.Normalizers;

/// <summary>BERT's clean-up (Devlin et al. 2018): controls go, white space becomes a blank, Chinese characters stand alone, accents go, lower case.</summary>
/// <param name="cleanText">Whether controls go and white space becomes a blank.</param>
/// <param name="handleChinese">Whether a blank goes before and after each Chinese character.</param>
/// <param name="stripAccents">Whether accents go; <see langword="null"/> where that follows <paramref name="lowercase"/>.</param>
/// <param name="lowercase">Whether the text becomes lower case.</param>
internal sealed class BertNormalizer(bool cleanText, bool handleChinese, bool? stripAccents, bool lowercase) : ITextNormalizer
{
    private static readonly SearchValues<char> s_controls = SearchValues.Create([.. Enumerable.Range(0, 32).Select(c => (char)c), '\u007f']);

    /// <inheritdoc/>
    public void Normalize(WorkText text)
    {
        bool isAscii = Ascii.IsValid(text.Chars);
        if (cleanText && !(isAscii && !text.Chars.ContainsAny(s_controls)))
            Clean(text);
        if (!isAscii)
        {
            if (handleChinese && text.Chars.ContainsAnyInRange('\u3400', '\ufaff'))
                IsolateChinese(text);
            if (stripAccents ?? lowercase)
            {
                NormalForm.Apply(text, composes: false, compatible: false);
                text.Remove(CharacterFlags.NonSpacingMark);
            }
        }

        if (lowercase)
            LowercaseNormalizer.Apply(text);
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "BertNormalizer");
        json.WriteBoolean("clean_text", cleanText);
        json.WriteBoolean("handle_chinese_chars", handleChinese);
        if (stripAccents is { } strips)
            json.WriteBoolean("strip_accents", strips);
        else
            json.WriteNull("strip_accents");
        json.WriteBoolean("lowercase", lowercase);
        json.WriteEndObject();
    }

    private static void Clean(WorkText text)
    {
        text.Remove(CharacterFlags.Unclean);
        Span<char> chars = text.Mutable;
        for (int i = 0; i < chars.Length; i++)
        {
            if (!char.IsSurrogate(chars[i]) && Characters.Is(chars[i], CharacterFlags.Space))
                chars[i] = ' ';
        }
    }

    private static void IsolateChinese(WorkText text)
    {
        ReadOnlySpan<char> chars = text.Chars;
        text.BeginRewrite();
        int done = 0;
        for (int i = 0, width; i < chars.Length; i += width)
        {
            if (!Characters.IsChinese(Characters.At(chars, i, out width)))
                continue;
            text.Copy(done, i);
            text.Put(" ", i);
            text.Copy(i, i + width);
            text.Put(" ", i);
            done = i + width;
        }

        text.Copy(done, chars.Length);
        text.EndRewrite();
    }
}
