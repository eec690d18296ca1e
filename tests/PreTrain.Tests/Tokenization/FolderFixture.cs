using System.Text.Json;
using PreTrain.Tokenization;

namespace PreTrain.Tests.Tokenization;

/// <summary>Folders of tokenizers, and what transformers read from them; fixtures/make_folders.py wrote it.</summary>
internal static class FolderFixture
{
    private static readonly JsonElement s_root = JsonDocument.Parse(File.ReadAllBytes(BpeFixture.PathOf("folders.json"))).RootElement;

    private static readonly Dictionary<string, JsonElement> s_folders = s_root.GetProperty("folders").EnumerateArray().ToDictionary(folder => folder.GetProperty("name").GetString()!);

    /// <summary>The names that begin so.</summary>
    public static IEnumerable<string> Names(string prefix) => s_folders.Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal));

    /// <summary>Writes the files of a folder.</summary>
    public static void Write(string name, TemporaryFolder folder)
    {
        foreach (JsonProperty file in s_folders[name].GetProperty("files").EnumerateObject())
        {
            JsonElement content = s_root.GetProperty("contents")[file.Value.GetInt32()];
            if (content.ValueKind == JsonValueKind.String)
                folder.Write(file.Name, content.GetString()!);
            else
                File.WriteAllBytes(folder.File(file.Name), content.GetProperty("base64").GetBytesFromBase64());
        }
    }

    /// <summary>Requires the ids and the added tokens of transformers, of the folder and of what is saved of it.</summary>
    public static void RequireTheReferences(string name)
    {
        using var folder = new TemporaryFolder();
        Write(name, folder);
        var tokenizer = (PipelineTokenizer)TextTokenizer.Load(folder.Path);
        Require(tokenizer);
        tokenizer.Save(folder.File("saved"));
        Require((PipelineTokenizer)TextTokenizer.Load(folder.File("saved")));

        void Require(PipelineTokenizer found)
        {
            JsonElement expected = s_folders[name];
            Assert.Equal(expected.GetProperty("added").EnumerateArray().Select(token => string.Join(' ', token.EnumerateArray())), found.Parts.AddedTokens.Select(Described));
            Assert.Equal(expected.GetProperty("size").GetInt32(), found.VocabSize);
            foreach (JsonElement text in expected.GetProperty("texts").EnumerateArray())
                Assert.Equal((text[0].GetString(), string.Join(' ', text[1].EnumerateArray())), (text[0].GetString(), string.Join(' ', found.Tokenize(text[0].GetString()!).Ids.ToArray())));
            JsonElement pair = expected.GetProperty("pair");
            Assert.Equal(PipelineFixture.Numbers(pair[2]), found.Tokenize(pair[0].GetString()!, pair[1].GetString()!).Ids.ToArray());
        }
    }

    private static string Described(AddedToken token)
    {
        var flags = new[] { (token.SingleWord, "single_word"), (token.StripLeft, "lstrip"), (token.StripRight, "rstrip"), (token.Normalized, "normalized"), (token.Special, "special") };
        return string.Join(' ', [$"{token.Id}", token.Content, .. flags.Where(flag => flag.Item1).Select(flag => flag.Item2)]);
    }
}
