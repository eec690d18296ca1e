using System.Text;

namespace PreTrain.Tokenization;

/// <summary>
/// Decodes ids one at a time, as a model produces them. A character whose bytes are spread over several tokens is held back until it is
/// complete, so that no piece holds a part of one; the pieces together are the decoding of the whole.
/// </summary>
/// <param name="tokenizer">The tokenizer of the ids.</param>
/// <param name="skipSpecialTokens">Whether special tokens are left out.</param>
public sealed class StreamingDecoder(TextTokenizer tokenizer, bool skipSpecialTokens = false)
{
    private readonly TextTokenizer _tokenizer = tokenizer ?? throw new ArgumentNullException(nameof(tokenizer));
    private readonly Decoder _utf8 = new UTF8Encoding(false, throwOnInvalidBytes: false).GetDecoder();
    private char[] _chars = new char[64];
    private bool _isFirst = true;

    /// <summary>Whether the bytes of an unfinished character are held back.</summary>
    public bool HasPendingBytes { get; private set; }

    /// <summary>Adds a token.</summary>
    /// <param name="id">Its id.</param>
    /// <returns>The text that became complete; empty if the token ends within a character.</returns>
    /// <exception cref="ArgumentOutOfRangeException">No token has this id.</exception>
    public string Push(int id)
    {
        if (skipSpecialTokens && _tokenizer.IsSpecial(id))
            return string.Empty;
        ReadOnlySpan<byte> bytes = _tokenizer.GetTokenBytes(id, _isFirst);
        _isFirst = false;
        return Convert(bytes, flush: false);
    }

    /// <summary>Ends the text: an unfinished character becomes U+FFFD. The decoder can then begin another text.</summary>
    /// <returns>What was held back; empty if nothing was.</returns>
    public string Flush()
    {
        _isFirst = true;
        return Convert([], flush: true);
    }

    private string Convert(ReadOnlySpan<byte> bytes, bool flush)
    {
        // Three held-back bytes may turn into as many U+FFFD before the new bytes count.
        if (_chars.Length < bytes.Length + 4)
            _chars = new char[bytes.Length * 2 + 4];
        _utf8.Convert(bytes, _chars, flush, out _, out int length, out _);
        HasPendingBytes = !flush && HasUnfinishedCharacter(bytes, HasPendingBytes && length == 0);
        return length == 0 ? string.Empty : new string(_chars, 0, length);
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
