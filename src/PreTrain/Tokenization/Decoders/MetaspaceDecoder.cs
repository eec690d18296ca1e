using System.Text;
using System.Text.Json;
using PreTrain.Tokenization.Pipeline;
using PreTrain.Tokenization.PreTokenizers;

namespace PreTrain.Tokenization.Decoders;

/// <summary>Turns SentencePiece's blanks into blanks, and drops those of the first token: <c>Metaspace</c>.</summary>
internal sealed class MetaspaceDecoder(Rune replacement, PrependScheme scheme, bool splits) : ITokenDecoder
{
    private readonly string _replacement = replacement.ToString();

    /// <inheritdoc/>
    public DecodingStep Begin(DecodingStep next)
    {
        bool isFirst = true;
        return new WholeTokenStep(token =>
        {
            next.WriteToken(token.Replace(_replacement, isFirst && scheme != PrependScheme.Never ? "" : " ", StringComparison.Ordinal));
            isFirst = false;
        }, null, next);
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json) => MetaspaceSplitter.Write(json, replacement, scheme, splits);
}
