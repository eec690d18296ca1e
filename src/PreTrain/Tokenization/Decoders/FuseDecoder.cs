using System.Text.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.Decoders;

/// <summary>Makes one token of all: <c>Fuse</c>.</summary>
internal sealed class FuseDecoder : ITokenDecoder
{
    /// <inheritdoc/>
    public DecodingStep Begin(DecodingStep next) => new Step(next);

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "Fuse");
        json.WriteEndObject();
    }

    private sealed class Step(DecodingStep next) : DecodingStep
    {
        public override void Write(ReadOnlySpan<char> part) => next.Write(part);

        public override void EndToken()
        {
        }

        public override void Flush()
        {
            next.EndToken();
            next.Flush();
        }
    }
}
