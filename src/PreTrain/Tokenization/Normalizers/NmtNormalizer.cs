using System.Text.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.Normalizers;

/// <summary>SentencePiece's clean-up of its <c>nmt</c> rules: controls go, other white space and format characters become blanks.</summary>
internal sealed class NmtNormalizer : ITextNormalizer
{
    /// <inheritdoc/>
    public void Normalize(WorkText text)
    {
        ReadOnlySpan<char> chars = text.Chars;
        text.BeginRewrite();
        int done = 0;
        for (int i = 0; i < chars.Length; i++)
        {
            char c = chars[i];
            bool isRemoved = c is (>= '\u0001' and <= '\u0008') or '\u000b' or (>= '\u000e' and <= '\u001f') or '\u007f' or '\u008f' or '\u009f';
            bool isBlank = c is '\t' or '\n' or '\f' or '\r' or '\u1680' or (>= '\u200b' and <= '\u200f') or '\u2028' or '\u2029' or '\u2581' or '\ufeff' or '\ufffd';
            if (!isRemoved && !isBlank)
                continue;
            text.Copy(done, i);
            if (isBlank)
                text.Put(" ", i);
            done = i + 1;
        }

        text.Copy(done, chars.Length);
        text.EndRewrite();
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "Nmt");
        json.WriteEndObject();
    }
}
