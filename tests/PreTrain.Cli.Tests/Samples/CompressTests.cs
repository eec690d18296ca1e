using System.Text.RegularExpressions;

namespace PreTrain.Cli.Tests.Samples;

public class CompressTests
{
    private static readonly PretrainSample s_sample = new("Compress", "compress");

    [Fact]
    [Trait("Speed", "Slow")]
    public async Task Compress_Shortened_EndsAsItsReadmeSays()
    {
        using var folder = new TemporaryFolder();
        string text = folder.Write("text.txt", TinyModel.Text(600));

        ToolResult result = await s_sample.Run(folder.Path, "--steps", "4", text);

        Assert.True(result.ExitCode == 0, result.Error + result.Output);
        string[] expected = [.. Repository.CodeBlocks("samples/Compress/README.md", "text").Single().Split('\n', StringSplitOptions.RemoveEmptyEntries)];
        string[] last = [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^expected.Length..]];
        Assert.Matches("^" + Regex.Escape(expected[0]).Replace("…", "[0-9.]+") + "$", last[0]);
        Assert.Equal(expected[1..], last[1..]);
        Assert.True(File.Exists(folder["runs/compress/stages/3-quantize/model.safetensors"]));
        Assert.True(File.Exists(folder["runs/compress/stages/report.html"]));
    }

    [Theory]
    [InlineData(new[] { "--steps", "0" }, 2, "--steps takes a positive whole number")]
    [InlineData(new[] { "no-such-file.txt" }, 3, "The file 'no-such-file.txt' does not exist.")]
    public Task Compress_WrongArguments_SaysWhatIsWrong(string[] arguments, int exitCode, string message) => s_sample.Refuses(arguments, exitCode, message);

    [Fact]
    public void Compress_Program_HasAtMost100Lines() => s_sample.HasAtMost100Lines();
}
