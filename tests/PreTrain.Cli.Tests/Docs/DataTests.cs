namespace PreTrain.Cli.Tests.Docs;

public class DataTests
{
    private static readonly string[] s_syllables = ["ba", "del", "mi", "ro", "tan", "ku", "ses", "vor", "li", "pen", "gra", "no", "fe", "shu", "wi"];
    private static readonly string[] s_small = ["the", "of", "and", "to", "that", "with", "is", "was", "for", "have"];

    [Fact]
    public void Commands_OfThePage_LeadFromFilesToAModel()
    {
        using var folder = new TemporaryFolder();
        for (int i = 0; i < 40; i++) folder.Write($"books/{i}.txt", Text(i));
        using (var gzip = new System.IO.Compression.GZipStream(File.Create(Directory.CreateDirectory(folder["crawl"]).FullName + "/a.jsonl.gz"), System.IO.Compression.CompressionLevel.Fastest))
        {
            for (int i = 100; i < 140; i++) gzip.Write([.. System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(new { text = Text(i) }), (byte)10]);
        }
        folder.Write("words.txt", "foul\n");
        folder.Write("facts.tsv", "Ada\tknew\tBabbage\n");
        ToolResult trained = ToolRunner.Run("tokenizer", "train", "--algorithm", "wordpiece", "--vocab-size", "300", "--data", folder["books/*.txt"], "--output", folder["models/words"], "--quiet");
        Assert.True(trained.ExitCode == 0, trained.Error);

        Assert.Equal(4, DocumentedCommands.Run("docs/data.md", folder.Path, ("--batch", "2")).Count);

        Assert.True(File.Exists(folder["runs/llama/model/model.safetensors"]));
    }

    /// <summary>Small words of English between words that hardly come twice.</summary>
    private static string Text(int seed)
    {
        var random = new Random(seed);
        string Word() => string.Concat(Enumerable.Range(0, 3).Select(_ => s_syllables[random.Next(s_syllables.Length)]));
        string Sentence() => $"The {string.Join(' ', Enumerable.Range(0, 6).Select(_ => $"{Word()} {s_small[random.Next(s_small.Length)]}"))} {Word()}.";
        return string.Concat(Enumerable.Range(0, 9).Select(_ => $"{Sentence()} {Sentence()}\n"));
    }
}
