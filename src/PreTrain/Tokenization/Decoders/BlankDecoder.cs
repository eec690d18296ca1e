using System.Text.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.Decoders;

/// <summary>Puts a blank between tokens: what happens without a decoder.</summary>
internal sealed class BlankDecoder : ITokenDecoder
{
    /// <inheritdoc/>
    public DecodingStep Begin(DecodingStep next)
    {
        bool isFirst = true;
        return new WholeTokenStep(token =>
        {
            next.WriteToken(isFirst ? token : " " + token);
            isFirst = false;
        }, null, next);
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json) => json.WriteNullValue();
}
