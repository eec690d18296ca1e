using System.Text.Json;

namespace PreTrain.Cli.Tests.Commands;

public class TokenizerCommandTests
{
    [Theory]
    [InlineData("byte-bpe", 300)]
    [InlineData("bpe", 120)]
    [InlineData("wordpiece", 120)]
    [InlineData("unigram", 90)]
    [InlineData("word-level", 50)]
    public void Train_EachAlgorithm_WritesATokenizerThatEncodesAndDecodes(string algorithm, int size)
    {
        using var folder = new TemporaryFolder();
        string text = folder.Write("text.txt", TinyModel.Text(60));

        ToolResult trained = ToolRunner.Run("tokenizer", "train", "--algorithm", algorithm, "--vocab-size", $"{size}", "--data", text, "--output", folder["out"], "--json", "--quiet");

        Assert.True(trained.ExitCode == 0, trained.Error);
        Assert.Equal(algorithm, trained.Json().GetProperty("algorithm").GetString());
        Assert.InRange(trained.Json().GetProperty("vocabSize").GetInt32(), 10, size);
        ToolResult encoded = ToolRunner.Run("tokenizer", "encode", "--tokenizer", folder["out"], "--file", text, "--json");
        JsonElement[] encodings = [.. encoded.Json().GetProperty("encodings").EnumerateArray()];
        string[] lines = File.ReadAllLines(text);
        Assert.Equal(lines.Length, encodings.Length);
        Assert.Equal(["ids", "tokens", "offsets", "typeIds"], encodings[0].EnumerateObject().Select(p => p.Name));
        string ids = string.Join(',', encodings[0].GetProperty("ids").EnumerateArray());
        ToolResult decoded = ToolRunner.Run("tokenizer", "decode", "--tokenizer", folder["out/tokenizer.json"], "--ids", ids, "--json");
        Assert.Equal(0, decoded.ExitCode);
        if (algorithm is "byte-bpe" or "bpe" or "unigram")
            Assert.Equal(lines[0], decoded.Json().GetProperty("text").GetString());
        ToolResult inspected = ToolRunner.Run("tokenizer", "inspect", "--tokenizer", folder["out"], "--json");
        Assert.Equal(trained.Json().GetProperty("fingerprint").GetString(), inspected.Json().GetProperty("fingerprint").GetString());
    }

    [Fact]
    public void Encode_WindowsAndPairs_AreItemsWithTypes()
    {
        using var folder = new TemporaryFolder();
        string text = folder.Write("text.txt", TinyModel.Text(60));
        ToolRunner.Run("tokenizer", "train", "--algorithm", "wordpiece", "--vocab-size", "100", "--data", text, "--output", folder["out"], "--quiet");

        ToolResult windows = ToolRunner.Run("tokenizer", "encode", "--tokenizer", folder["out"], "--file", text, "--whole-file", "--max-length", "16", "--stride", "3", "--json");
        Assert.True(windows.Json().GetProperty("encodings").GetArrayLength() > 3);
        Assert.All(windows.Json().GetProperty("encodings").EnumerateArray(), e => Assert.InRange(e.GetProperty("ids").GetArrayLength(), 1, 16));

        ToolResult pair = ToolRunner.Run("tokenizer", "encode", "--tokenizer", folder["out"], "--text", "a", "--pair", "b", "--json");
        JsonElement types = Assert.Single(pair.Json().GetProperty("encodings").EnumerateArray()).GetProperty("typeIds");
        Assert.Equal([0, 0, 0, 1, 1], types.EnumerateArray().Select(type => type.GetInt32()));
    }

    [Theory]
    [InlineData(new[] { "encode", "--tokenizer", "X" }, 2, "Give either --text or --file.")]
    [InlineData(new[] { "encode", "--tokenizer", "X", "--text", "a", "--stride", "1" }, 2, "--stride goes with --max-length.")]
    [InlineData(new[] { "encode", "--tokenizer", "no-such", "--text", "a" }, 3, "no-such: There is no such file or folder.")]
    [InlineData(new[] { "decode", "--tokenizer", "X", "--ids", "1,x" }, 2, "--ids (x) must be whole numbers from 0 with commas between them, as in --ids 5,1,2.")]
    [InlineData(new[] { "train", "--vocab-size", "300", "--data", "no-such.txt", "--output", "X" }, 3, "The file 'no-such.txt' does not exist.")]
    [InlineData(new[] { "train", "--vocab-size", "0", "--data", "x", "--output", "X" }, 2, "--vocab-size (0) must be a positive whole number")]
    [InlineData(new[] { "train", "--algorithm", "lzw", "--vocab-size", "9", "--data", "x", "--output", "X" }, 2, "--algorithm (lzw) must be byte-bpe, bpe, wordpiece, unigram or word-level.")]
    [InlineData(new[] { "train", "--cased", "--vocab-size", "9", "--data", "x", "--output", "X" }, 2, "--cased goes with --algorithm wordpiece alone")]
    public void Tokenizer_WrongUse_IsNamed(string[] arguments, int exitCode, string message)
    {
        ToolResult result = ToolRunner.Run(["tokenizer", .. arguments]);
        Assert.Equal(exitCode, result.ExitCode);
        Assert.StartsWith($"error: {message}", result.Error);
    }

    [Fact]
    public void Train_InvalidUtf8_StopsUnlessItIsReplaced()
    {
        using var folder = new TemporaryFolder();
        string text = folder.Write("text.txt", TinyModel.Text(20));
        File.AppendAllText(text, "x");
        using (FileStream stream = File.OpenWrite(text))
        {
            stream.Position = stream.Length;
            stream.WriteByte(0xFF);
        }

        string[] arguments = ["tokenizer", "train", "--vocab-size", "280", "--data", text, "--output", folder["out"], "--quiet"];
        ToolResult strict = ToolRunner.Run(arguments);
        Assert.Equal(3, strict.ExitCode);
        Assert.Contains(text, strict.Error);
        Assert.Equal(0, ToolRunner.Run([.. arguments, "--replace-invalid"]).ExitCode);
    }

    [Fact]
    public void Train_TokenizerThatIsThere_IsReplacedOnRequest()
    {
        using var folder = new TemporaryFolder();
        string text = folder.Write("text.txt", TinyModel.Text(20));
        string[] arguments = ["tokenizer", "train", "--vocab-size", "270", "--data", text, "--output", folder["out"], "--quiet"];
        Assert.Equal(0, ToolRunner.Run(arguments).ExitCode);
        string before = File.ReadAllText(folder["out/tokenizer.json"]);
        arguments[3] = "280";
        ToolResult refused = ToolRunner.Run(arguments);
        Assert.Equal((2, $"error: --output ({folder["out"]}) has a tokenizer.json already; give --overwrite to replace it, or another name.\n"), (refused.ExitCode, refused.Error));
        Assert.Equal(before, File.ReadAllText(folder["out/tokenizer.json"]));
        Assert.Equal(0, ToolRunner.Run([.. arguments, "--overwrite"]).ExitCode);
        Assert.NotEqual(before, File.ReadAllText(folder["out/tokenizer.json"]));
        ToolResult file = ToolRunner.Run("tokenizer", "train", "--vocab-size", "270", "--data", text, "--output", text);
        Assert.Equal((2, $"error: --output ({text}) is a file; it must be a folder.\n"), (file.ExitCode, file.Error));
    }

    [Fact]
    public void Encode_BrokenCharacterMap_IsBadInput()
    {
        using var folder = new TemporaryFolder();
        string model = folder["broken.model"];
        File.WriteAllBytes(model, [0x0A, 0x05, 0x0A, 0x01, 0x61, 0x18, 0x02, 0x1A, 0x05, 0x12, 0x03, 1, 2, 3]);   // an unknown piece, and a map of three bytes
        ToolResult result = ToolRunner.Run("tokenizer", "encode", "--tokenizer", model, "--text", "a");
        Assert.Equal((3, $"error: {model}: The character map (precompiled_charsmap) is broken: the first four bytes must give the length of a trie that the rules hold.\n"), (result.ExitCode, result.Error));
    }
}
