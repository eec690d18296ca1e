using System.Text;
using System.Text.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.Normalizers;

/// <summary>Spells the bytes of a text with GPT-2's printable characters.</summary>
internal sealed class ByteLevelNormalizer : ITextNormalizer
{
    /// <inheritdoc/>
    public void Normalize(WorkText text)
    {
        text.BeginRewrite();
        Spell(text, 0, text.Length);
        text.EndRewrite();
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "ByteLevel");
        json.WriteEndObject();
    }

    /// <summary>Spells a part of a text that is being rewritten.</summary>
    public static void Spell(WorkText text, int start, int end)
    {
        ReadOnlySpan<char> chars = text.Chars;
        Span<byte> bytes = stackalloc byte[4];
        Span<char> spelled = stackalloc char[4];
        for (int i = start, width; i < end; i += width)
        {
            Rune.DecodeFromUtf16(chars[i..end], out Rune rune, out width);
            int count = rune.EncodeToUtf8(bytes);
            for (int k = 0; k < count; k++)
                spelled[k] = ByteAlphabet.ToChar(bytes[k]);
            text.Put(spelled[..count], i);
        }
    }
}
