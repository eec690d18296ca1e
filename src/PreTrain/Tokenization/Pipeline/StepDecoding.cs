using System.Text;

namespace PreTrain.Tokenization.Pipeline;

/// <summary>Decodes by the steps of <c>tokenizer.json</c>.</summary>
/// <param name="decoder">The decoder.</param>
/// <param name="tokenOf">The token with an id; <see langword="null"/> to leave it out.</param>
internal sealed class StepDecoding(ITokenDecoder decoder, Func<int, string?> tokenOf) : TokenDecoding
{
    private readonly Sink _sink = new();
    private DecodingStep? _first;

    /// <inheritdoc/>
    public override bool IsPending => _sink.IsBehind;

    /// <inheritdoc/>
    public override void Push(int id, StringBuilder text)
    {
        if (tokenOf(id) is not { } token)
            return;
        _sink.Text = text;
        _sink.IsBehind = true;
        (_first ??= decoder.Begin(_sink)).WriteToken(token);
    }

    /// <inheritdoc/>
    public override void Flush(StringBuilder text)
    {
        _sink.Text = text;
        _first?.Flush();
        _first = null;
        _sink.IsBehind = false;
    }

    private sealed class Sink : DecodingStep
    {
        public StringBuilder Text { get; set; } = new();

        /// <summary>Whether nothing has come out since the last token went in.</summary>
        public bool IsBehind { get; set; }

        public override void Write(ReadOnlySpan<char> part)
        {
            Text.Append(part);
            IsBehind &= part.IsEmpty;
        }

        public override void EndToken() => IsBehind = false;

        public override void Flush()
        {
        }
    }
}
