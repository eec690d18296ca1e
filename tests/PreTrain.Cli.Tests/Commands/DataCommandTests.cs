using System.Text.Json;

namespace PreTrain.Cli.Tests.Commands;

public sealed class DataCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _tokenizer;

    public DataCommandTests()
    {
        _tokenizer = _folder["tokenizer"];
        string text = _folder.Write("words.txt", TinyModel.Text(50));
        ToolRunner.Run("tokenizer", "train", "--vocab-size", "283", "--data", text, "--output", _tokenizer, "--quiet");
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Prepare_JsonLines_CleansDropsAndReports()
    {
        string lines = string.Concat(Enumerable.Range(0, 30).Select(i => $"{{\"body\":\"Document {i % 20} says: write to a{i % 20}@example.com. \"}}\n")) + "{broken\n";
        string data = _folder.Write("data.jsonl", lines);

        ToolResult result = ToolRunner.Run("data", "prepare", "--data", data, "--tokenizer", _tokenizer, "--output", _folder["out"], "--text-field", "body", "--dedup", "exact", "--mask-pii", "--skip-broken", "1", "--json");

        Assert.True(result.ExitCode == 0, result.Error);
        JsonElement json = result.Json();
        Assert.Equal(20, json.GetProperty("documents").GetInt64());
        Assert.Equal(1, json.GetProperty("skippedBroken").GetInt32());
        JsonElement[] steps = [.. json.GetProperty("steps").EnumerateArray()];
        Assert.Equal(["cleaning", "exact deduplication", "personal data"], steps.Select(step => step.GetProperty("name").GetString()));
        Assert.Equal(10, steps[1].GetProperty("dropped").GetProperty("duplicate").GetInt64());
        Assert.Equal(20, steps[2].GetProperty("changes").GetProperty("mail addresses").GetInt64());
        Assert.StartsWith($"skipped: Line 31 of the file '{data}' is broken: it is no JSON: ", result.Error);
        Assert.True(File.Exists(_folder["out/prepare.json"]));

        ToolResult inspected = ToolRunner.Run("data", "inspect", _folder["out"], "--context", "64", "--json");
        Assert.True(inspected.ExitCode == 0, inspected.Error);
        Assert.Equal(json.GetProperty("tokens").GetInt64(), inspected.Json().GetProperty("tokens").GetInt64());
        Assert.True(inspected.Json().GetProperty("tokenizerMatches").GetBoolean());
        Assert.InRange(inspected.Json().GetProperty("packed").GetProperty("fill").GetDouble(), 0.9, 1);
    }

    [Fact]
    public void Prepare_FactsAndLists_AreReportedAsSteps()
    {
        string data = _folder.Write("data.jsonl", string.Concat(Enumerable.Range(0, 9).Select(i => $"{{\"text\":\"Ada wrote {i} pages. {(i == 4 ? "A foul word." : "A good word.")} The same. As ever. Again.\"}}\n")));
        string[] arguments = ["data", "prepare", "--data", data, "--tokenizer", _tokenizer, "--output", _folder["out"], "--bad-words", _folder.Write("bad.txt", "foul\n"), "--dedup-spans", "--json"];

        ToolResult result = ToolRunner.Run([.. arguments, "--facts", _folder.Write("facts.tsv", "Ada\tknew\tBabbage\n"), "--fact-template", "knew={subject} and {object} were friends.", "--fact-rate", "1", "--fact-limit", "1"]);

        Assert.True(result.ExitCode == 0, result.Error);
        JsonElement[] steps = [.. result.Json().GetProperty("steps").EnumerateArray()];
        Assert.Equal(["cleaning", "word list", "span deduplication", "facts"], steps.Select(step => step.GetProperty("name").GetString()));
        Assert.Equal(1, steps[1].GetProperty("dropped").GetProperty("a word of the list").GetInt64());
        Assert.Equal(28, steps[2].GetProperty("changes").GetProperty("repeated sentences removed").GetInt64());   // four of each of seven
        Assert.Equal(8, steps[3].GetProperty("changes").GetProperty("facts woven in").GetInt64());
        Assert.Contains("1 facts about 1 subjects.", result.Error);

        ToolResult lonely = ToolRunner.Run([.. arguments, "--overwrite", "--fact-rate", "0.3"]);
        Assert.Equal((2, "error: --fact-rate goes with --facts.\n"), (lonely.ExitCode, lonely.Error));
        ToolResult template = ToolRunner.Run([.. arguments, "--overwrite", "--facts", _folder["facts.tsv"], "--fact-template", "knew=nothing"]);
        Assert.Equal((2, "error: --fact-template (knew=nothing) must be RELATION=TEXT, with {subject} and {object} in the text.\n"), (template.ExitCode, template.Error));
    }

    [Fact]
    public void Prepare_FoldersInUse_AreLeftAloneUnlessOverwritten()
    {
        string data = _folder.Write("data.txt", TinyModel.Text(20));
        ToolResult Prepare(string output, params string[] more) => ToolRunner.Run(["data", "prepare", "--data", data, "--tokenizer", _tokenizer, "--output", output, "--quiet", .. more]);

        Assert.Equal(0, Prepare(_folder["out"]).ExitCode);
        Assert.Equal($"error: --output ({_folder["out"]}) holds a token store already. Pass --overwrite to replace it, or name another folder.\n", Prepare(_folder["out"]).Error);
        Assert.Equal(0, Prepare(_folder["out"], "--overwrite").ExitCode);
        ToolResult other = Prepare(_tokenizer, "--overwrite");
        Assert.Equal(2, other.ExitCode);
        Assert.Equal($"error: --output ({_tokenizer}) holds files that this command did not write. Name a new or an empty folder.\n", other.Error);
    }

    [Fact]
    public void Prepare_NothingLeft_SaysWhichStepDroppedIt()
    {
        string data = _folder.Write("data.txt", "Too short.");
        ToolResult result = ToolRunner.Run("data", "prepare", "--data", data, "--tokenizer", _tokenizer, "--output", _folder["out"], "--filter", "gopher,c4");
        Assert.Equal(3, result.ExitCode);
        Assert.StartsWith("error: No document is left after all steps:\n", result.Error);
        Assert.Contains("dropped: C4: fewer than 3 sentences", result.Error);
        Assert.False(Directory.Exists(_folder["out"]));
    }

    [Fact]
    public void Inspect_CorruptedOrOfAnotherTokenizer_IsRefused()
    {
        string data = _folder.Write("data.txt", TinyModel.Text(20));
        ToolRunner.Run("data", "prepare", "--data", data, "--tokenizer", _tokenizer, "--output", _folder["out"], "--quiet");
        ToolRunner.Run("tokenizer", "train", "--vocab-size", "270", "--data", data, "--output", _folder["other"], "--quiet");

        ToolResult other = ToolRunner.Run("data", "inspect", _folder["out"], "--tokenizer", _folder["other"]);
        Assert.Equal(3, other.ExitCode);
        Assert.StartsWith($"error: The token store '{_folder["out"]}' was made by another tokenizer", other.Error);

        using (FileStream stream = File.Open(_folder["out/tokens.bin"], FileMode.Open))
        {
            stream.Position = stream.Length / 2;
            int value = stream.ReadByte();
            stream.Position--;
            stream.WriteByte((byte)(value ^ 4));
        }
        ToolResult corrupted = ToolRunner.Run("data", "inspect", _folder["out"], "--json");
        Assert.Equal(3, corrupted.ExitCode);
        Assert.StartsWith($"error: The file '{_folder["out/tokens.bin"]}' is damaged: its SHA-256 is ", corrupted.Error);
        Assert.Equal("", corrupted.Output);
    }

    [Theory]
    [InlineData(new[] { "--filter", "gopher,quality" }, 2, "--filter (gopher,quality) takes gopher, gopher-quality, gopher-repetition and c4, with commas between them; 'quality' is none of them.")]
    [InlineData(new[] { "--dedup", "fuzzy" }, 2, "--dedup (fuzzy) must be exact or minhash.")]
    [InlineData(new[] { "--dedup-threshold", "0.7" }, 2, "--dedup-threshold goes with --dedup minhash.")]
    [InlineData(new[] { "--dedup", "minhash", "--dedup-threshold", "7" }, 2, "--dedup-threshold (7) must be greater than 0 and at most 1.")]
    [InlineData(new[] { "--language", "xx" }, 2, "--language (xx) must be ar, bg, cs, ")]
    [InlineData(new[] { "--format", "parquet" }, 2, "--format (parquet) must be auto, text, jsonl, csv, html or xml.")]
    [InlineData(new[] { "--skip-broken", "-1" }, 2, "--skip-broken (-1) must be a whole number from 0")]
    [InlineData(new[] { "--format", "jsonl" }, 3, "Line 1 of the file '")]
    public void Prepare_WrongUse_IsNamed(string[] more, int exitCode, string message)
    {
        string data = _folder.Write("data.txt", "Some text.");
        ToolResult result = ToolRunner.Run(["data", "prepare", "--data", data, "--tokenizer", _tokenizer, "--output", _folder["out"], .. more]);
        Assert.Equal(exitCode, result.ExitCode);
        Assert.StartsWith($"error: {message}", result.Error);
        Assert.False(Directory.Exists(_folder["out"]));
    }

    [Fact]
    public void Prepare_SdkDocsWithAFormat_IsNamed()
    {
        ToolResult result = ToolRunner.Run("data", "prepare", "--data", "sdk-docs", "--format", "xml", "--tokenizer", _tokenizer, "--output", _folder["out"]);
        Assert.Equal(2, result.ExitCode);
        Assert.Equal("error: --format goes with files; --data sdk-docs has none.\n", result.Error);
    }
}
