using System.Diagnostics;

namespace PreTrain.Cli.Tests.Samples;

public class TrainTokenizerTests
{
    [Fact]
    [Trait("Speed", "Slow")]
    public async Task TrainTokenizer_Shortened_EndsAsItsReadmeSays()
    {
        using var folder = new TemporaryFolder();
        string text = folder.Write("text.txt", TinyModel.Text(300));

        ToolResult result = await Run(folder.Path, "--vocab-size", "400", text);

        Assert.True(result.ExitCode == 0, result.Error + result.Output);
        string[] expected = [.. Repository.CodeBlocks("samples/TrainTokenizer/README.md", "text").Single().Split('\n', StringSplitOptions.RemoveEmptyEntries)];
        string[] last = [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^2..]];
        Assert.Matches("^A batch of 2 texts is [0-9]+ tokens wide.$", last[0]);
        Assert.Equal(expected[1], last[1]);
        Assert.True(File.Exists(folder["runs/train-tokenizer/unigram/tokenizer.json"]));
    }

    [Theory]
    [InlineData(new[] { "--vocab-size", "0" }, 2, "--vocab-size takes a positive whole number")]
    [InlineData(new[] { "no-such-file.txt" }, 3, "The file 'no-such-file.txt' does not exist.")]
    public async Task TrainTokenizer_WrongArguments_SaysWhatIsWrong(string[] arguments, int exitCode, string message)
    {
        using var folder = new TemporaryFolder();

        ToolResult result = await Run(folder.Path, arguments);

        Assert.Equal(exitCode, result.ExitCode);
        Assert.StartsWith(message, result.Error);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    [Fact]
    public void TrainTokenizer_Program_HasAtMost100Lines() =>
        Assert.InRange(File.ReadAllLines(Path.Combine(Repository.Root, "samples/TrainTokenizer/Program.cs")).Length, 1, 100);

    private static async Task<ToolResult> Run(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "TrainTokenizer.dll"), .. arguments])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return new ToolResult(process.ExitCode, output, await error);
    }
}
