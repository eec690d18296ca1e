using PreTrain.Checkpoints;
using PreTrain.Cli.Commands;
using PreTrain.Models.Gpt;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Cli.Tests.Commands;

public class ConvertCommandTests
{
    [Fact]
    public void Convert_ToShardsOfPickles_AndBack_GivesTheSameFile()
    {
        using var folder = new TemporaryFolder();
        string model = Path.Combine(folder.Path, "model"), pickles = Path.Combine(folder.Path, "pickles"), back = Path.Combine(folder.Path, "back");
        TinyModel.Save(model);

        ToolResult there = ToolRunner.Run("convert", "--model", model, "--output", pickles, "--format", "bin", "--shard-size", "10KB", "--json");
        ToolResult again = ToolRunner.Run("convert", "--model", pickles, "--output", back, "--json");

        Assert.Equal(["output", "files", "tensors", "elements", "bytes"], there.Keys());
        string[] files = [.. there.Json().GetProperty("files").EnumerateArray().Select(file => file.GetString()!)];
        Assert.True(files.Length > 2);
        Assert.Equal(Path.Combine(pickles, "pytorch_model.bin.index.json"), files[^1]);
        Assert.Equal((0, 28), (again.ExitCode, again.Json().GetProperty("tensors").GetInt32()));
        Assert.Equal(there.Json().GetProperty("bytes").GetInt64(), again.Json().GetProperty("bytes").GetInt64());
        Assert.Equal(File.ReadAllBytes(Path.Combine(model, "model.safetensors")), File.ReadAllBytes(Path.Combine(back, "model.safetensors")));
        Assert.Equal(File.ReadAllBytes(Path.Combine(model, "config.json")), File.ReadAllBytes(Path.Combine(back, "config.json")));
        Assert.Equal(File.ReadAllBytes(Path.Combine(model, "tokenizer.json")), File.ReadAllBytes(Path.Combine(back, "tokenizer.json")));
    }

    [Fact]
    public void Convert_ToBFloat16_HalvesTheFileAndLoads()
    {
        using var folder = new TemporaryFolder();
        string model = Path.Combine(folder.Path, "model"), half = Path.Combine(folder.Path, "half");
        TinyModel.Save(model);

        ToolResult result = ToolRunner.Run("convert", "--model", model, "--output", half, "--precision", "bf16");

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.StartsWith(Path.Combine(half, "model.safetensors") + "\n28 tensors, ", result.Output);
        using CheckpointTensors before = CheckpointTensors.Open(model), after = CheckpointTensors.Open(half);
        Assert.All(after.Names, name => Assert.Equal(before.Info(name).ByteCount, 2 * after.Info(name).ByteCount));
        Assert.Contains("\"dtype\": \"bfloat16\"", File.ReadAllText(Path.Combine(half, "config.json")));
        using GptModel loaded = GptModel.FromPretrained(half);
    }

    [Fact]
    public void Convert_OneFile_WritesOne()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder.Path);
        string file = Path.Combine(folder.Path, "weights.pt");

        ToolResult result = ToolRunner.Run("convert", "--model", Path.Combine(folder.Path, "model.safetensors"), "--output", file, "--precision", "fp16");

        Assert.Equal(0, result.ExitCode);
        using CheckpointTensors written = CheckpointTensors.Open(file);
        Assert.Equal(CheckpointFormat.PyTorch, written.Format);
        Assert.All(written.Names, name => Assert.Equal(ScalarType.Float16, written.Info(name).DataType));
    }

    [Theory]
    [InlineData(new[] { "--precision", "int4" }, "--precision (int4) must be fp32, bf16 or fp16.")]
    [InlineData(new[] { "--format", "onnx" }, "--format (onnx) must be safetensors or bin.")]
    [InlineData(new[] { "--shard-size", "5 elephants" }, "--shard-size (5 elephants) must be a number of bytes from 1, alone or with KiB, MiB, GiB, TiB, KB, MB, GB, TB or B, as in 500MB.")]
    [InlineData(new[] { "--shard-size", "5MB" }, "--shard-size goes with a folder, and --output (x.safetensors) is one file.")]
    [InlineData(new[] { "--format", "bin" }, "--format bin contradicts the name of the file in --output (x.safetensors).")]
    public void Convert_WrongOptions_EndsWith2(string[] options, string message)
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder.Path);

        ToolResult result = ToolRunner.Run(["convert", "--model", folder.Path, "--output", "x.safetensors", .. options]);

        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.StartsWith($"error: {message}\n", result.Error);
        Assert.False(File.Exists("x.safetensors"));
    }

    [Fact]
    public void Convert_OntoItself_EndsWith2()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder.Path);

        ToolResult result = ToolRunner.Run("convert", "--model", folder.Path, "--output", folder.Path);

        Assert.Equal(2, result.ExitCode);
        Assert.Equal($"error: --output ({folder.Path}) must be another folder than that of the model.\n", result.Error);
    }

    [Fact]
    public void Convert_OutputThatIsThere_IsReplacedOnRequest()
    {
        using var folder = new TemporaryFolder();
        string model = Path.Combine(folder.Path, "model"), there = Path.Combine(folder.Path, "there"), file = Path.Combine(folder.Path, "weights.pt");
        TinyModel.Save(model);
        TinyModel.Save(there, seed: 5);
        File.WriteAllText(file, "old");

        foreach (string[] arguments in new string[][] { ["convert", "--model", model, "--output", there, "--format", "bin"], ["convert", "--model", model, "--output", file] })
        {
            ToolResult refused = ToolRunner.Run(arguments);
            Assert.Equal(2, refused.ExitCode);
            Assert.Equal($"error: --output ({arguments[4]}) is there already; give --overwrite to replace it, or another name.\n", refused.Error);
            Assert.Equal("old", File.ReadAllText(file));
            Assert.Equal(0, ToolRunner.Run([.. arguments, "--overwrite"]).ExitCode);
        }

        Assert.False(File.Exists(Path.Combine(there, "model.safetensors")));
        using CheckpointTensors expected = CheckpointTensors.Open(model), written = CheckpointTensors.Open(there), alone = CheckpointTensors.Open(file);
        Assert.All(expected.Names, name => Assert.Equal(expected.Read(name).bytes, written.Read(name).bytes));
        Assert.All(expected.Names, name => Assert.Equal(expected.Read(name).bytes, alone.Read(name).bytes));
    }

    [Fact]
    public void Convert_PickleThatWouldRunCode_EndsWith3AndWritesNothing()
    {
        using var folder = new TemporaryFolder();
        string evil = Path.Combine(folder.Path, "evil.bin"), output = Path.Combine(folder.Path, "out");
        File.WriteAllBytes(evil, [0x80, 2, .. "cos\nsystem\nX\u0002\0\0\0id\u0085R."u8]);

        ToolResult result = ToolRunner.Run("convert", "--model", evil, "--output", output);

        Assert.Equal(3, result.ExitCode);
        Assert.StartsWith($"error: {evil}: the pickle at byte 2: GLOBAL of 'os.system' is refused: ", result.Error);
        Assert.False(Directory.Exists(output));
    }

    [Theory]
    [InlineData("5GB", 5_000_000_000)]
    [InlineData("1.5kib", 1536)]
    [InlineData("12", 12)]
    [InlineData("7B", 7)]
    [InlineData("0", 0)]
    [InlineData("-5GB", 0)]
    [InlineData("1e30", 0)]
    [InlineData("99999999TB", 0)]
    [InlineData("GB", 0)]
    public void ParseSize_SomeTexts_GivesBytes(string text, long expected) => Assert.Equal(expected == 0 ? null : expected, ConvertCommand.ParseSize(text));
}
