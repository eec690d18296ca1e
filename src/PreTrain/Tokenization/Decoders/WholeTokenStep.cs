using System.Text;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.Decoders;

/// <summary>A step that decodes each token as a whole, by a function; what that needs to know of other tokens it keeps itself.</summary>
/// <param name="decode">Decodes a token and writes what comes of it.</param>
/// <param name="flush">Writes what was held back, before the next step is flushed.</param>
/// <param name="next">The next step.</param>
internal sealed class WholeTokenStep(Action<string> decode, Action? flush, DecodingStep next) : DecodingStep
{
    private readonly StringBuilder _token = new();

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<char> part) => _token.Append(part);

    /// <inheritdoc/>
    public override void EndToken()
    {
        string token = _token.ToString();
        _token.Clear();
        decode(token);
    }

    /// <inheritdoc/>
    public override void Flush()
    {
        flush?.Invoke();
        next.Flush();
    }
}
