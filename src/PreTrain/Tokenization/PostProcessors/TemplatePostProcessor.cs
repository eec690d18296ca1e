using System.Text.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.PostProcessors;

/// <summary>Texts and special tokens as a template orders them: <c>TemplateProcessing</c>.</summary>
/// <param name="single">The template for one text.</param>
/// <param name="pair">The template for two.</param>
/// <param name="tokens">The special tokens by their names; each may be several.</param>
internal sealed class TemplatePostProcessor(
    IReadOnlyList<TemplatePiece> single, IReadOnlyList<TemplatePiece> pair, IReadOnlyDictionary<string, IReadOnlyList<(int Id, string Token)>> tokens) : IPostProcessor
{
    /// <inheritdoc/>
    public int AddedCount(bool isPair) => (isPair ? pair : single).Sum(piece => piece.Sequence < 0 ? tokens[piece.Name].Count : 0);

    /// <inheritdoc/>
    public List<EncodingDraft> Process(List<EncodingDraft> parts, bool addSpecialTokens)
    {
        var result = new List<EncodingDraft>();
        foreach (TemplatePiece piece in parts.Count == 2 ? pair : single)
        {
            EncodingDraft next;
            if (piece.Sequence >= 0)
            {
                next = parts[piece.Sequence].Surround([], [], 0);   // a copy: a template may use a text twice
                next.SetTypeIds(piece.TypeId);
            }
            else if (addSpecialTokens)
            {
                next = new EncodingDraft();
                foreach ((int id, string token) in tokens[piece.Name])
                    next.AddSpecial(id, token, piece.TypeId);
            }
            else
            {
                continue;
            }

            result.Add(next);
        }

        return result;
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "TemplateProcessing");
        WriteTemplate(json, "single", single);
        WriteTemplate(json, "pair", pair);
        json.WriteStartObject("special_tokens");
        foreach ((string name, IReadOnlyList<(int Id, string Token)> list) in tokens.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            json.WriteStartObject(name);
            json.WriteString("id", name);
            json.WriteStartArray("ids");
            foreach ((int id, _) in list)
                json.WriteNumberValue(id);
            json.WriteEndArray();
            json.WriteStartArray("tokens");
            foreach ((_, string token) in list)
                json.WriteStringValue(token);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteTemplate(Utf8JsonWriter json, string name, IReadOnlyList<TemplatePiece> template)
    {
        json.WriteStartArray(name);
        foreach (TemplatePiece piece in template)
        {
            json.WriteStartObject();
            json.WriteStartObject(piece.Sequence < 0 ? "SpecialToken" : "Sequence");
            json.WriteString("id", piece.Sequence < 0 ? piece.Name : piece.Sequence == 0 ? "A" : "B");
            json.WriteNumber("type_id", piece.TypeId);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
