using System.Text.Encodings.Web;
using System.Text.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.Json;

/// <summary>Writes <c>tokenizer.json</c>. Equal tokenizers give equal bytes.</summary>
internal static class TokenizerJsonWriter
{
    /// <summary>How all files are laid out.</summary>
    public static JsonWriterOptions Layout { get; } = new() { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The file.</summary>
    public static byte[] Write(TokenizerParts parts)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, Layout))
        {
            json.WriteStartObject();
            json.WriteString("version", "1.0");
            WriteTruncation(json, parts.Truncation);
            WritePadding(json, parts.Padding);
            json.WriteStartArray("added_tokens");
            foreach (AddedToken token in parts.AddedTokens)
                WriteAddedToken(json, token);
            json.WriteEndArray();
            WritePart(json, "normalizer", parts.Normalizer is null ? null : parts.Normalizer.Write);
            WritePart(json, "pre_tokenizer", parts.PreTokenizer is null ? null : parts.PreTokenizer.Write);
            WritePart(json, "post_processor", parts.PostProcessor is null ? null : parts.PostProcessor.Write);
            WritePart(json, "decoder", parts.Decoder is null ? null : parts.Decoder.Write);
            json.WritePropertyName("model");
            ModelWriter.Write(json, parts.Model);
            json.WriteEndObject();
        }

        stream.WriteByte((byte)'\n');
        return stream.ToArray();
    }

    /// <summary>The type of a component; of a sequence those of its steps.</summary>
    public static string? TypeOf(Action<Utf8JsonWriter>? write)
    {
        if (write is null)
            return null;
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
            write(json);
        using JsonDocument document = JsonDocument.Parse(stream.ToArray());
        return TypeOf(document.RootElement);

        static string? TypeOf(JsonElement element)
        {
            if (element.ValueKind != JsonValueKind.Object)
                return null;
            string type = element.GetProperty("type").GetString()!;
            return type == "Sequence" ? string.Join(" + ", element.EnumerateObject().First(p => p.Value.ValueKind == JsonValueKind.Array).Value.EnumerateArray().Select(TypeOf)) : type;
        }
    }

    private static void WritePart(Utf8JsonWriter json, string name, Action<Utf8JsonWriter>? write)
    {
        json.WritePropertyName(name);
        if (write is null)
            json.WriteNullValue();
        else
            write(json);
    }

    private static void WriteTruncation(Utf8JsonWriter json, TruncationOptions? options)
    {
        if (options is null)
        {
            json.WriteNull("truncation");
            return;
        }

        json.WriteStartObject("truncation");
        json.WriteString("direction", options.Side.ToString());
        json.WriteNumber("max_length", options.MaxLength);
        json.WriteString("strategy", options.Strategy.ToString());
        json.WriteNumber("stride", options.Stride);
        json.WriteEndObject();
    }

    private static void WritePadding(Utf8JsonWriter json, PaddingOptions? options)
    {
        if (options is null || options.Strategy == PaddingStrategy.None)
        {
            json.WriteNull("padding");
            return;
        }

        json.WriteStartObject("padding");
        if (options.Strategy == PaddingStrategy.Fixed)
        {
            json.WriteStartObject("strategy");
            json.WriteNumber("Fixed", options.Length);
            json.WriteEndObject();
        }
        else
        {
            json.WriteString("strategy", "BatchLongest");
        }

        json.WriteString("direction", options.Side.ToString());
        if (options.MultipleOf > 0)
            json.WriteNumber("pad_to_multiple_of", options.MultipleOf);
        else
            json.WriteNull("pad_to_multiple_of");
        json.WriteNumber("pad_id", options.Id ?? 0);
        json.WriteNumber("pad_type_id", options.TypeId);
        json.WriteString("pad_token", options.Token ?? "[PAD]");
        json.WriteEndObject();
    }

    private static void WriteAddedToken(Utf8JsonWriter json, AddedToken token)
    {
        json.WriteStartObject();
        json.WriteNumber("id", token.Id);
        json.WriteString("content", token.Content);
        json.WriteBoolean("single_word", token.SingleWord);
        json.WriteBoolean("lstrip", token.StripLeft);
        json.WriteBoolean("rstrip", token.StripRight);
        json.WriteBoolean("normalized", token.Normalized);
        json.WriteBoolean("special", token.Special);
        json.WriteEndObject();
    }
}
