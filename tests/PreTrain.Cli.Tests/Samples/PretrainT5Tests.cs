using System.Diagnostics;

namespace PreTrain.Cli.Tests.Samples;

public class PretrainT5Tests
{
    [Fact]
    [Trait("Speed", "Slow")]
    public async Task PretrainT5_Shortened_WritesBeforeAndAfterAndEndsAsItsReadmeSays()
    {
        using var folder = new TemporaryFolder();
        string text = folder.Write("text.txt", TinyModel.Text(600));

        ToolResult result = await Run(folder.Path, "--steps", "3", text);

        Assert.True(result.ExitCode == 0, result.Error + result.Output);
        Assert.Contains("What it writes before training", result.Output);
        Assert.Contains("What it writes after training", result.Output);
        Assert.Contains("3 steps in ", result.Output);
        string[] expected = [.. Repository.CodeBlocks("samples/PretrainT5/README.md", "text").Single().Split('\n', StringSplitOptions.RemoveEmptyEntries)[^3..]];
        Assert.Equal(expected, result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^3..]);
        Assert.True(File.Exists(folder["runs/pretrain-t5/model/model.safetensors"]));
        Assert.True(File.Exists(folder["runs/pretrain-t5/model/tokenizer.json"]));
    }

    [Theory]
    [InlineData(new[] { "--steps", "0" }, 2, "--steps takes a positive whole number")]
    [InlineData(new[] { "no-such-file.txt" }, 3, "The file 'no-such-file.txt' does not exist.")]
    public async Task PretrainT5_WrongArguments_SaysWhatIsWrong(string[] arguments, int exitCode, string message)
    {
        using var folder = new TemporaryFolder();

        ToolResult result = await Run(folder.Path, arguments);

        Assert.Equal(exitCode, result.ExitCode);
        Assert.StartsWith(message, result.Error);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    [Fact]
    public void PretrainT5_Program_HasAtMost100Lines() =>
        Assert.InRange(File.ReadAllLines(Path.Combine(Repository.Root, "samples/PretrainT5/Program.cs")).Length, 1, 100);

    private static async Task<ToolResult> Run(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "PretrainT5.dll"), .. arguments])
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
