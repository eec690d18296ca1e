using System.Globalization;
using System.Text;
using System.Text.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.Decoders;

/// <summary>Makes text of tokens like <c>&lt;0x61&gt;</c>: of those in a row where they are UTF-8, else U+FFFD for each: <c>ByteFallback</c>.</summary>
internal sealed class ByteFallbackDecoder : ITokenDecoder
{
    private static readonly UTF8Encoding s_strict = new(false, throwOnInvalidBytes: true);

    /// <inheritdoc/>
    public DecodingStep Begin(DecodingStep next)
    {
        var bytes = new List<byte>();
        return new WholeTokenStep(token =>
        {
            if (ByteOf(token) is { } b)
            {
                bytes.Add(b);
                return;
            }

            WriteBytes();
            next.WriteToken(token);
        }, WriteBytes, next);

        void WriteBytes()
        {
            if (bytes.Count == 0)
                return;
            try
            {
                next.WriteToken(s_strict.GetString([.. bytes]));
            }
            catch (DecoderFallbackException)
            {
                for (int i = 0; i < bytes.Count; i++)
                    next.WriteToken("\ufffd");
            }

            bytes.Clear();
        }
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "ByteFallback");
        json.WriteEndObject();
    }

    /// <summary>The byte that a token spells.</summary>
    public static byte? ByteOf(string token) =>
        token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
        && (byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte b)
            || (token[3] == '+' && byte.TryParse(token.AsSpan(4, 1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out b)))
            ? b : null;
}
