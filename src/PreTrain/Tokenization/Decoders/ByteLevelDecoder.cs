using System.Text;
using System.Text.Json;
using PreTrain.Tokenization.Pipeline;
using PreTrain.Tokenization.PreTokenizers;

namespace PreTrain.Tokenization.Decoders;

/// <summary>Turns GPT-2's spelling of bytes into text: <c>ByteLevel</c>.</summary>
internal sealed class ByteLevelDecoder(bool addPrefixSpace, bool trimOffsets, bool usesPattern) : ITokenDecoder
{
    /// <inheritdoc/>
    public DecodingStep Begin(DecodingStep next)
    {
        Decoder utf8 = new UTF8Encoding(false, throwOnInvalidBytes: false).GetDecoder();
        return new WholeTokenStep(token => Convert(ByteAlphabet.Unspell(token), false), () =>
        {
            Convert([], true);
            next.EndToken();
        }, next);

        void Convert(ReadOnlySpan<byte> bytes, bool flush)
        {
            char[] chars = new char[bytes.Length + 4];
            utf8.Convert(bytes, chars, flush, out _, out int count, out _);
            next.Write(chars.AsSpan(0, count));
        }
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json) => ByteLevelSplitter.Write(json, addPrefixSpace, trimOffsets, usesPattern);
}
