using System.Text;
using System.Text.Json;
using PreTrain.Tokenization;
using PreTrain.Tokenization.Json;

namespace PreTrain.Tests.Tokenization;

/// <summary>What Hugging Face's tokenizers made of texts that hurt; fixtures/make_pipeline.py wrote it.</summary>
internal static class PipelineFixture
{
    public static IReadOnlyList<string> Texts { get; } = [.. Read("texts").GetProperty("texts").EnumerateArray().Select(text => text.GetString()!)];

    public static JsonElement Read(string name) => JsonDocument.Parse(File.ReadAllBytes(BpeFixture.PathOf($"pipeline_{name}.json"))).RootElement;

    /// <summary>Reads a component as a part of a file.</summary>
    public static T Component<T>(JsonElement json, Func<JsonPart, T> read) => Component(json.GetRawText(), read);

    public static T Component<T>(string json, Func<JsonPart, T> read)
    {
        using var folder = new TemporaryFolder();
        var file = new TokenizerFile(folder.Write("part.json", json));
        T? component = default;
        file.Read((ref reader) => component = read(JsonPart.Read(file, ref reader, "part")));
        return component!;
    }

    /// <summary>Writes a component.</summary>
    public static string Written(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
            write(json);
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    /// <summary>Loads a tokenizer from the content of its file.</summary>
    public static PipelineTokenizer Load(string content)
    {
        using var folder = new TemporaryFolder();
        return (PipelineTokenizer)TextTokenizer.Load(folder.Write("tokenizer.json", content));
    }

    public static int[] Numbers(JsonElement list) => [.. list.EnumerateArray().Select(number => number.ValueKind == JsonValueKind.Null ? -1 : number.GetInt32())];

    /// <summary>The UTF-16 place of each code point of a text, and of its end.</summary>
    public static int[] Places(string text)
    {
        var places = new List<int> { 0 };
        foreach (Rune rune in text.EnumerateRunes())
            places.Add(places[^1] + rune.Utf16SequenceLength);
        return [.. places];
    }
}
