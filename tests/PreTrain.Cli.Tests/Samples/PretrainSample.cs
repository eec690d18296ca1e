using System.Diagnostics;

namespace PreTrain.Cli.Tests.Samples;

/// <summary>What the samples that pre-train a model have in common.</summary>
/// <param name="project">The sample, such as PretrainGpt.</param>
/// <param name="run">The folder of its run.</param>
internal sealed class PretrainSample(string project, string run)
{
    /// <summary>Three steps on a text: before and after, the last lines of the README, and a model that can be opened.</summary>
    public async Task EndsAsItsReadmeSays(string verb, int lines)
    {
        using var folder = new TemporaryFolder();
        string text = folder.Write("text.txt", TinyModel.Text(600));

        ToolResult result = await Run(folder.Path, "--steps", "3", text);

        Assert.True(result.ExitCode == 0, result.Error + result.Output);
        Assert.Contains($"What it {verb} before training", result.Output);
        Assert.Contains($"What it {verb} after training", result.Output);
        Assert.Contains("3 steps in ", result.Output);
        string[] expected = [.. Repository.CodeBlocks($"samples/{project}/README.md", "text").Single().Split('\n', StringSplitOptions.RemoveEmptyEntries)[^lines..]];
        Assert.Equal(expected, result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^lines..]);
        Assert.True(File.Exists(folder[$"runs/{run}/model/model.safetensors"]));
        Assert.True(File.Exists(folder[$"runs/{run}/model/tokenizer.json"]));
    }

    /// <summary>Wrong arguments leave nothing behind but a message.</summary>
    public async Task Refuses(string[] arguments, int exitCode, string message)
    {
        using var folder = new TemporaryFolder();

        ToolResult result = await Run(folder.Path, arguments);

        Assert.Equal(exitCode, result.ExitCode);
        Assert.StartsWith(message, result.Error);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    /// <summary>A newcomer reads it in one sitting.</summary>
    public void HasAtMost100Lines() => Assert.InRange(File.ReadAllLines(Path.Combine(Repository.Root, $"samples/{project}/Program.cs")).Length, 1, 100);

    internal async Task<ToolResult> Run(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, $"{project}.dll"), .. arguments])
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
