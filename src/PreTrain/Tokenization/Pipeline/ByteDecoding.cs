using System.Text;

namespace PreTrain.Tokenization.Pipeline;

/// <summary>Decodes by the bytes of each token. Those that form no character become U+FFFD.</summary>
internal sealed class ByteDecoding(TextTokenizer tokenizer, bool skipSpecialTokens) : TokenDecoding
{
    private readonly Decoder _utf8 = new UTF8Encoding(false, throwOnInvalidBytes: false).GetDecoder();
    private char[] _chars = new char[64];
    private bool _isFirst = true;
    private bool _isPending;

    /// <inheritdoc/>
    public override bool IsPending => _isPending;

    /// <inheritdoc/>
    public override void Push(int id, StringBuilder text)
    {
        if (skipSpecialTokens && tokenizer.IsSpecial(id))
            return;
        ReadOnlySpan<byte> bytes = tokenizer.GetTokenBytes(id, _isFirst);
        _isFirst = false;
        Convert(bytes, flush: false, text);
    }

    /// <inheritdoc/>
    public override void Flush(StringBuilder text)
    {
        _isFirst = true;
        Convert([], flush: true, text);
    }

    private void Convert(ReadOnlySpan<byte> bytes, bool flush, StringBuilder text)
    {
        // Three held-back bytes may turn into as many U+FFFD before the new bytes count.
        if (_chars.Length < bytes.Length + 4)
            _chars = new char[bytes.Length * 2 + 4];
        _utf8.Convert(bytes, _chars, flush, out _, out int length, out _);
        _isPending = !flush && HasUnfinishedCharacter(bytes, _isPending && length == 0);
        text.Append(_chars, 0, length);
    }

    private static bool HasUnfinishedCharacter(ReadOnlySpan<byte> bytes, bool stillPending)
    {
        if (bytes.IsEmpty)
            return stillPending;
        // A lead byte among the last three that announces more bytes than follow; continuation bytes alone prolong what was held back.
        for (int back = 1; back <= Math.Min(3, bytes.Length); back++)
        {
            byte b = bytes[^back];
            if (b < 0x80)
                return false;
            if (b >= 0xC2)
                return (b < 0xE0 ? 2 : b < 0xF0 ? 3 : b < 0xF5 ? 4 : 0) > back && Rune.DecodeFromUtf8(bytes[^back..], out _, out _) == System.Buffers.OperationStatus.NeedMoreData;
        }

        return stillPending;
    }
}
