using System.Text.Json;
using PreTrain.Tokenization;

namespace PreTrain.Tests.Tokenization;

/// <summary>What the trainers of Hugging Face's tokenizers make of a corpus; fixtures/make_trained_vocabularies.py wrote it.</summary>
internal static class TrainedVocabularyFixture
{
    public static JsonElement Root { get; } = JsonDocument.Parse(File.ReadAllBytes(BpeFixture.PathOf("trained_vocabularies.json"))).RootElement;

    public static string[] Corpus { get; } = Strings(Root.GetProperty("corpus"));

    public static WordCounter Words(int threads = 1) => CorpusWords.Count(Corpus, BlankSplitter.Instance, threads, null, default);

    public static string[] Strings(JsonElement list) => [.. list.EnumerateArray().Select(e => e.GetString()!)];

    public static string[] Strings(JsonElement options, string name) => options.TryGetProperty(name, out JsonElement list) ? Strings(list) : [];

    public static int? Number(JsonElement options, string name) => options.TryGetProperty(name, out JsonElement number) ? number.GetInt32() : null;

    public static string Text(JsonElement options, string name) => options.TryGetProperty(name, out JsonElement text) ? text.GetString()! : "";

    public static string[] Tokens(ITokenModel model) => [.. Enumerable.Range(0, model.Size).Select(id => model.TokenOf(id)!)];

    /// <summary>Words between blanks.</summary>
    public sealed class BlankSplitter : IWordSplitter
    {
        public static BlankSplitter Instance { get; } = new();

        public void Count(ReadOnlySpan<char> text, WordCounter words)
        {
            foreach (Range word in text.Split(' '))
            {
                if (!text[word].IsEmpty)
                    words.Add(text[word], 1);
            }
        }

        public bool IsCertainBoundary(string document, int index) => document[index - 1] == ' ';
    }
}
