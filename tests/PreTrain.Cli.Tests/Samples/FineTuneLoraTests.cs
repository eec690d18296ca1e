using PreTrain.FineTuning;
using PreTrain.Models.Gpt;

namespace PreTrain.Cli.Tests.Samples;

public class FineTuneLoraTests
{
    private static readonly PretrainSample s_sample = new("FineTuneLora", "fine-tune-lora");

    [Fact]
    [Trait("Speed", "Slow")]
    public async Task FineTuneLora_Shortened_EndsAsItsReadmeSays()
    {
        using var folder = new TemporaryFolder();
        string known = folder.Write("known.txt", TinyModel.Text(900)), other = folder.Write("other.txt", TinyModel.Text(900).Replace("The method", "Nobody", StringComparison.Ordinal).Replace("an empty string", "two streams", StringComparison.Ordinal));

        ToolResult result = await s_sample.Run(folder.Path, "--steps", "20", known, other);

        Assert.True(result.ExitCode == 0, result.Error + result.Output);
        string[] expected = [.. Repository.CodeBlocks("samples/FineTuneLora/README.md", "text").Single().Split('\n', StringSplitOptions.RemoveEmptyEntries)];
        string[] last = [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^4..]];
        Assert.Matches("^20 steps trained [0-9,]+ values beside [0-9,]+ that stayed.$", last[0]);
        System.Text.RegularExpressions.Match perplexity = System.Text.RegularExpressions.Regex.Match(last[1], "^Perplexity on the other text: ([0-9.]+) before, ([0-9.]+) after.$");
        Assert.True(double.Parse(perplexity.Groups[2].Value, System.Globalization.CultureInfo.InvariantCulture) < double.Parse(perplexity.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture), last[1]);
        Assert.Equal(expected[2..], last[2..]);
        using GptModel merged = GptModel.FromPretrained(folder["runs/fine-tune-lora/merged"]);
        Assert.Equal(AdapterKind.Lora, AdapterFolder.KindOf(folder["runs/fine-tune-lora/adapter/model"]));
    }

    [Theory]
    [InlineData(new[] { "--steps", "0" }, 2, "--steps takes a positive whole number")]
    [InlineData(new[] { "one.txt" }, 2, "Give no file, or at least two")]
    [InlineData(new[] { "no-such-file.txt", "other.txt" }, 3, "The file 'no-such-file.txt' does not exist.")]
    public Task FineTuneLora_WrongArguments_SaysWhatIsWrong(string[] arguments, int exitCode, string message) => s_sample.Refuses(arguments, exitCode, message);

    [Fact]
    public void FineTuneLora_Program_HasAtMost100Lines() => s_sample.HasAtMost100Lines();
}
