using System.Text.Json;
using PreTrain.Tokenization;

namespace PreTrain.Tests.Tokenization;

/// <summary>What Hugging Face's tokenizers learned and encoded; fixtures/make_byte_level_bpe.py wrote it.</summary>
internal static class BpeFixture
{
    private static readonly JsonElement s_root = JsonDocument.Parse(File.ReadAllBytes(PathOf("byte_level_bpe.json"))).RootElement;

    public static string[] Corpus { get; } = [.. s_root.GetProperty("corpus").EnumerateArray().Select(e => e.GetString()!)];

    public static IReadOnlyList<JsonElement> Trainings { get; } = [.. s_root.GetProperty("trainings").EnumerateArray()];

    public static IEnumerable<(string Text, int[] Ids)> Encodings => Texts(s_root.GetProperty("encodings").GetProperty("texts"));

    public static IEnumerable<(string Text, int[] Ids)> AddedEncodings => Texts(s_root.GetProperty("added").GetProperty("texts"));

    public static IEnumerable<(string Text, int[] Ids)> PrefixedEncodings => Texts(s_root.GetProperty("prefixed"));

    /// <summary>A tokenizer.json as the reference saved it, with added tokens of every kind.</summary>
    public static string AddedFile { get; } = s_root.GetProperty("added").GetProperty("file").GetString()!;

    /// <summary>The tokenizer of <see cref="Encodings"/>.</summary>
    public static ByteLevelBpeTokenizer Tokenizer { get; } = ByteLevelBpeTokenizer.Train(
        Corpus, new() { VocabSize = s_root.GetProperty("encodings").GetProperty("vocabSize").GetInt32() }, cancellation: CancellationToken.None);

    public static string PathOf(string file) => Path.Combine(AppContext.BaseDirectory, "Tokenization", "fixtures", file);

    private static IEnumerable<(string, int[])> Texts(JsonElement list) =>
        list.EnumerateArray().Select(e => (e.GetProperty("text").GetString()!, e.GetProperty("ids").EnumerateArray().Select(i => i.GetInt32()).ToArray()));
}
