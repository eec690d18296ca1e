using System.Text.Json;
using PreTrain.Models.Gpt;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Cli.Tests.Commands;

public class LogitsCommandTests
{
    [Fact]
    public void Logits_Json_AreThoseOfTheModelInFloat32()
    {
        using var folder = new TemporaryFolder();
        GptConfig config = TinyModel.Save(folder.Path);

        ToolResult result = ToolRunner.Run("logits", "--model", folder.Path, "--ids", "5,1,2", "--json");

        Assert.Equal(["shape", "logits"], result.Keys());
        Assert.Equal([1, 3, config.VocabSize], result.Json().GetProperty("shape").EnumerateArray().Select(size => size.GetInt64()));
        float[] logits = [.. result.Json().GetProperty("logits").EnumerateArray().Select(value => value.GetSingle())];
        using DisposeScope scope = NewDisposeScope();
        using GptModel model = GptModel.FromPretrained(folder.Path);
        model.eval();
        Assert.Equal(model.Logits(tensor(new long[] { 5, 1, 2 }, [1, 3])).data<float>().ToArray(), logits);
    }

    [Fact]
    public void Logits_Text_ShowsTheBestTokensFirst()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder.Path);

        ToolResult result = ToolRunner.Run("logits", "--model", folder.Path, "--ids", "5", "1", "2");

        Assert.Equal(0, result.ExitCode);
        string[] lines = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(7, lines.Length);
        double[] values = [.. lines[2..].Select(line => double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture))];
        Assert.Equal(values.OrderDescending(), values);
    }

    [Theory]
    [InlineData("5,x,2", "--ids (x) must be whole numbers from 0 with commas between them, as in --ids 5,1,2.")]
    [InlineData("5,-1", "--ids (-1) must be whole numbers from 0 with commas between them, as in --ids 5,1,2.")]
    [InlineData(",", "--ids must hold at least one token id, as in --ids 5,1,2.")]
    [InlineData("5,283", "--ids (283) must be below the model's vocabulary of 283 tokens.")]
    [InlineData("1,2,3,4,5,6,7,8,9,1,2,3,4,5", "--ids holds 14 ids; the model's context takes at most 13.")]
    public void Logits_IdsOutOfRange_NamesThemAndEndsWith2(string ids, string message)
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder.Path);

        ToolResult result = ToolRunner.Run("logits", "--model", folder.Path, "--ids", ids, "--json");

        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.StartsWith($"error: {message}\n", result.Error);
    }

    [Fact]
    public void Logits_MissingFolder_NamesItAndEndsWith3()
    {
        ToolResult result = ToolRunner.Run("logits", "--model", "no-such-folder", "--ids", "1");

        Assert.Equal(3, result.ExitCode);
        Assert.Equal("error: no-such-folder: the folder does not exist; --model takes a folder with config.json and model.safetensors, or the output of a run.\n", result.Error);
    }

    [Fact]
    public void Logits_TruncatedWeights_NamesTheFileAndEndsWith3()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder.Path);
        using (FileStream weights = File.OpenWrite(folder["model.safetensors"])) weights.SetLength(weights.Length - 7);

        ToolResult result = ToolRunner.Run("logits", "--model", folder.Path, "--ids", "1");

        Assert.Equal(3, result.ExitCode);
        Assert.StartsWith($"error: {folder["model.safetensors"]}: ", result.Error);
        Assert.DoesNotContain("   at ", result.Error);
    }

    [Fact]
    public void Logits_Verbose_AddsTheStackTrace()
    {
        ToolResult result = ToolRunner.Run("logits", "--model", "no-such-folder", "--ids", "1", "--verbose");

        Assert.Equal(3, result.ExitCode);
        Assert.Contains("   at PreTrain.Cli.Commands.ModelFolder.Resolve", result.Error);
    }
}
