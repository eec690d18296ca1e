using System.Text;
using System.Text.Json;
using PreTrain.Tokenization.Pipeline;
using PreTrain.Tokenization.Unicode;

namespace PreTrain.Tokenization.Normalizers;

/// <summary>Lower case, the same in every language.</summary>
internal sealed class LowercaseNormalizer : ITextNormalizer
{
    /// <inheritdoc/>
    public void Normalize(WorkText text) => Apply(text);

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "Lowercase");
        json.WriteEndObject();
    }

    /// <summary>Makes a text lower case.</summary>
    public static void Apply(WorkText text)
    {
        Span<char> chars = text.Mutable;
        if (Ascii.ToLowerInPlace(chars, out _) == System.Buffers.OperationStatus.Done)
            return;
        bool isLonger = false;
        for (int i = 0; i < chars.Length; i++)
        {
            char c = chars[i];
            if (!char.IsSurrogate(c))
            {
                chars[i] = CaseTable.LowerOf(c);
                isLonger |= c == '\u0130';   // the only character whose lower case is two
            }
            else if (CaseTable.LowerOf(char.ConvertToUtf32(c, chars[i + 1])) is { } lower)
            {
                (chars[i], chars[i + 1]) = (lower[0], lower[1]);
                i++;
            }
            else
            {
                i++;
            }
        }

        if (isLonger)
            Rewrite(text);
    }

    private static void Rewrite(WorkText text)
    {
        text.BeginRewrite();
        int done = 0;
        for (int at; (at = text.Chars[done..].IndexOf('\u0130')) >= 0; done += at + 1)
        {
            text.Copy(done, done + at);
            text.Put(CaseTable.LowerOf(0x130), done + at);
        }

        text.Copy(done, text.Length);
        text.EndRewrite();
    }
}
