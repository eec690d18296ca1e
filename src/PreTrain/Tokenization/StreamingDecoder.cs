using System.Text;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization;

/// <summary>
/// Decodes ids one at a time, as a model produces them. A character whose bytes are spread over several tokens is held back until it is
/// complete, so that no piece holds a part of one; the pieces together are the decoding of the whole.
/// </summary>
/// <param name="tokenizer">The tokenizer of the ids.</param>
/// <param name="skipSpecialTokens">Whether special tokens are left out.</param>
public sealed class StreamingDecoder(TextTokenizer tokenizer, bool skipSpecialTokens = false)
{
    private readonly TokenDecoding _decoding = (tokenizer ?? throw new ArgumentNullException(nameof(tokenizer))).BeginDecoding(skipSpecialTokens);
    private readonly StringBuilder _text = new();

    /// <summary>Whether something is held back: the bytes of an unfinished character, or a token that the next one decides about.</summary>
    public bool HasPendingBytes => _decoding.IsPending;

    /// <summary>Adds a token.</summary>
    /// <param name="id">Its id.</param>
    /// <returns>The text that became complete; empty if the token ends within a character.</returns>
    /// <exception cref="ArgumentOutOfRangeException">No token has this id.</exception>
    public string Push(int id)
    {
        _decoding.Push(id, _text);
        return Take();
    }

    /// <summary>Ends the text: an unfinished character becomes U+FFFD. The decoder can then begin another text.</summary>
    /// <returns>What was held back; empty if nothing was.</returns>
    public string Flush()
    {
        _decoding.Flush(_text);
        return Take();
    }

    private string Take()
    {
        if (_text.Length == 0)
            return string.Empty;
        string text = _text.ToString();
        _text.Clear();
        return text;
    }
}
