using System.Diagnostics;
using System.Runtime.InteropServices;

namespace PreTrain.Cli.Tests.Commands;

/// <summary>What needs a process of its own: signals, sudden ends, a full disk.</summary>
[Trait("Speed", "Slow")]
public class GptProcessTests
{
    [Theory]
    [InlineData(PosixSignal.SIGINT)]
    [InlineData(PosixSignal.SIGTERM)]
    public async Task Gpt_Signal_SavesACheckpointSaysHowToResumeAndEndsWith130(PosixSignal signal)
    {
        Assert.SkipWhen(signal == PosixSignal.SIGINT && IgnoresInterrupts, "SIGINT is ignored here, and by all that is started from here: by a shell without job control that put this into the background.");
        using var folder = new TemporaryFolder();
        string data = TinyRun.Data(folder);
        string[] arguments = TinyRun.Arguments(data, folder["a run"], "--steps", "100000", "--checkpoint-every", "0", "--evaluate-every", "0", "--json");
        using ToolRunner.ToolProcess process = ToolRunner.Start(arguments);
        await process.WaitUntil(() => process.Error.Contains("Step 3/"));

        process.Signal(signal);
        ToolResult result = await process.WaitForExit();

        Assert.Equal((130, ""), (result.ExitCode, result.Output));
        string checkpoint = Path.GetFileName(Assert.Single(Directory.GetDirectories(folder["a run/checkpoints"])));
        int step = int.Parse(checkpoint["step-".Length..]);
        Assert.EndsWith($"Interrupted after step {step}; the state is saved in '{folder["a run/checkpoints"]}'. Go on with: "
            + $"pretrain {string.Join(' ', arguments).Replace(folder["a run"], $"'{folder["a run"]}'")} --resume\n", result.Error);
        ToolResult resumed = ToolRunner.Run([.. TinyRun.Arguments(data, folder["a run"], "--steps", (step + 2).ToString(), "--checkpoint-every", "0", "--evaluate-every", "0"), "--resume", "--json"]);
        Assert.Equal(step + 2, resumed.Json().GetProperty("steps").GetInt32());
    }

    private static bool IgnoresInterrupts =>
        File.Exists("/proc/self/status") && File.ReadLines("/proc/self/status").Single(line => line.StartsWith("SigIgn:", StringComparison.Ordinal)) is var line && (Convert.ToUInt64(line[7..].Trim(), 16) & 1 << 1) != 0;

    [Fact]
    public async Task Gpt_KilledAtFiveMomentsAndResumed_EndsWithTheLossesOfTheRunThatWasNot()
    {
        using var folder = new TemporaryFolder();
        string data = TinyRun.Data(folder);
        string[] more = ["--steps", "30", "--checkpoint-every", "6", "--evaluate-every", "10", "--embedding", "96", "--batch", "23", "--accumulate", "2"];
        TinyRun.Complete(data, folder["whole"], more);
        string[] arguments = TinyRun.Arguments(data, folder["killed"], more);

        // Before there is anything, before the first checkpoint, while one is written, and later.
        string[] moments = ["Tokenizing the corpus.", "Step 3/30:", "Step 12/30:", "Step 15/30:", "Step 24: wrote "];
        foreach (string moment in moments)
        {
            using ToolRunner.ToolProcess process = ToolRunner.Start(moment == moments[0] ? arguments : [.. arguments, "--resume"]);
            await process.WaitUntil(() => process.Error.Contains(moment));
            Assert.True(!process.HasExited, $"It ended before '{moment}': {process.Error}");
            process.Kill();
            Assert.Equal(137, (await process.WaitForExit()).ExitCode);
        }
        ToolResult last = await ToolRunner.RunProcess([.. arguments, "--resume", "--json"]);

        Assert.Equal(30, last.Json().GetProperty("steps").GetInt32());
        Assert.Equal(TinyRun.Metrics(folder["whole"]), TinyRun.Metrics(folder["killed"]));
        Assert.Equal(File.ReadAllBytes(folder["whole/model/model.safetensors"]), File.ReadAllBytes(folder["killed/model/model.safetensors"]));
        Assert.Equal(Entries(folder["whole"]), Entries(folder["killed"]));

        // Each start begins a file of events, which has the time in its name.
        static string[] Entries(string run) => [.. Directory.EnumerateFileSystemEntries(run).Select(path => Path.GetFileName(path)).Select(name => name.StartsWith("events.", StringComparison.Ordinal) ? "events" : name).Distinct().Order()];
    }

    [Fact]
    public async Task Gpt_FullDisk_NamesTheCheckpointKeepsTheOneBeforeAndEndsWith5()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && await Shell("unshare -rm true") == 0, "A small disk needs a mount namespace, which this machine does not give to us.");
        using var folder = new TemporaryFolder();
        string data = TinyRun.Data(folder), disk = folder["disk"], run = folder["disk/run"];
        Directory.CreateDirectory(disk);
        string tool = $"dotnet '{Path.Combine(AppContext.BaseDirectory, "PreTrain.Cli.dll")}' {string.Join(' ', TinyRun.Arguments(data, run))}";

        // Room for the tokens and one checkpoint. What it leaves is copied out of the namespace.
        int code = await Shell($"unshare -rm sh -c \"mount -t tmpfs -o size=288k tmpfs '{disk}' && {{ {tool} 2> '{folder["error"]}'; code=\\$?; cp -r '{run}' '{folder["left"]}'; exit \\$code; }}\"");

        string error = File.ReadAllText(folder["error"]);
        Assert.True(code == 5, $"exit code {code}: {error}");
        Assert.Contains($"error: {Path.Combine(run, "checkpoints", "step-000008")}: the checkpoint could not be written: ", error);
        Assert.Contains($"The one before, {Path.Combine(run, "checkpoints", "step-000004")}, is complete;", error);
        Assert.Equal(["step-000004"], Directory.EnumerateFileSystemEntries(folder["left/checkpoints"]).Select(Path.GetFileName));
        TinyRun.Complete(data, folder["whole"]);
        TinyRun.Complete(data, folder["left"], "--resume");
        Assert.Equal(TinyRun.Metrics(folder["whole"]), TinyRun.Metrics(folder["left"]));
    }

    private static async Task<int> Shell(string command)
    {
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", command]) { RedirectStandardError = true })!;
        await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return process.ExitCode;
    }
}
