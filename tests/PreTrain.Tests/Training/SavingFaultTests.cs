using PreTrain.Checkpoints;
using PreTrain.Tests.Checkpoints;
using PreTrain.Training;

namespace PreTrain.Tests.Training;

/// <summary>What a run does when its files cannot be written, or are torn.</summary>
[Collection(DefaultGenerator.Name)]
public sealed class SavingFaultTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    // Every way in which the write of the checkpoint of step 10 can fail: nothing may be left of it, and that of step 5 must serve.
    public static TheoryData<string, bool> Ways => new(from way in new[] { "full disk", "file in the way", "locked by another writer", "folder gone", "read-only folder" } from required in new[] { true, false } select (way, required));

    [Theory]
    [MemberData(nameof(Ways))]
    public void Run_CheckpointCannotBeWritten_StopsOrGoesOnAndTheOneBeforeServes(string way, bool required)
    {
        Assert.SkipUnless(way != "read-only folder" || OperatingSystem.IsLinux(), "Only Linux lets a thread give up what the superuser may.");
        string checkpoints = Path.Combine(folder["a"], "checkpoints"), at = Path.Combine(checkpoints, "step-000010");
        FileStream? held = null;
        var breaks = new Tiny.AfterStep((_, step) =>
        {
            if (step.Step == 9 && way == "file in the way") File.WriteAllText(at, "");
            if (step.Step == 9 && way == "locked by another writer") held = new FileStream(Path.Combine(checkpoints, ".step-000010.partial.lock"), FileMode.Create, FileAccess.Write, FileShare.None);
            if (step.Step == 9 && way == "folder gone")
            {
                Directory.Move(checkpoints, checkpoints + ".away");
                File.WriteAllText(checkpoints, "");
            }
            if (step.Step == 9 && way == "read-only folder") UserRights.GiveUpWriting(folder.Root, checkpoints);
            if (step.Step == 11) Mend();
        });
        void Mend()
        {
            if (way == "read-only folder") UserRights.TakeBack(checkpoints);
            held?.Dispose();
            if (held is not null) File.Delete(held.Name);
            if (way == "file in the way") File.Delete(at);
            if (way == "folder gone" && File.Exists(checkpoints))
            {
                File.Delete(checkpoints);
                Directory.Move(checkpoints + ".away", checkpoints);
            }
        }
        var log = new Tiny.ListLogger();
        TrainingOptions options = Tiny.Options(folder["a"]) with { RequireCheckpoints = required, Callbacks = [breaks], Logger = log };
        try
        {
            using var model = new FullDisk(Tiny.Model(Tiny.Even)) { FailingSave = way == "full disk" ? 2 : null };
            if (required)
            {
                var e = Assert.Throws<CheckpointException>(() => Tiny.Train(model, new RowsObjective(), options));
                Mend();
                Assert.StartsWith($"{at}: the checkpoint could not be written: ", e.Message, StringComparison.Ordinal);
                Assert.True(e.IsUnwritten);
                if (way == "read-only folder") Assert.Contains("denied. The one before, ", e.Message, StringComparison.Ordinal);
                Assert.Equal(["step-000005"], Directory.EnumerateFileSystemEntries(checkpoints).Select(Path.GetFileName));
            }
            else
            {
                Assert.Equal(12, Tiny.Train(model, new RowsObjective(), options).Steps);
                Assert.Contains(log.Lines, line => line.StartsWith($"Error: Step 10: {at}: the checkpoint could not be written: ", StringComparison.Ordinal) && line.EndsWith("The training goes on without it.", StringComparison.Ordinal));
                Assert.Equal(["step-000005", "step-000012"], Directory.EnumerateFileSystemEntries(checkpoints).Select(Path.GetFileName).Order(StringComparer.Ordinal));
            }
        }
        finally
        {
            Mend();
        }

        using (var straight = new FullDisk(Tiny.Model(Tiny.Even))) Tiny.Train(straight, new RowsObjective(), Tiny.Options(folder["b"]));
        using (var resumed = new FullDisk(Tiny.Model(Tiny.Even, seed: 9))) Tiny.Train(resumed, new RowsObjective(), Tiny.Options(folder["a"]) with { Resume = true });
        foreach (string file in new[] { "metrics.jsonl", Path.Combine("model", "model.safetensors"), Path.Combine("checkpoints", "step-000012", "optimizer.safetensors") })
            Assert.True(File.ReadAllBytes(Path.Combine(folder["a"], file)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(folder["b"], file))), file);
    }

    // A device that is always full stands in the place of a file.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Run_LineCannotBeWritten_StopsOrGoesOn(bool required)
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "There is no device that is always full.");
        Directory.CreateDirectory(folder["a"]);
        File.CreateSymbolicLink(folder["a/timings.jsonl"], "/dev/full");
        var log = new Tiny.ListLogger();
        using var model = Tiny.Model(Tiny.Even);
        TrainingOptions options = Tiny.Options(folder["a"], 4) with { RequireCheckpoints = required, Logger = log };

        if (required)
        {
            Assert.StartsWith($"{folder["a/timings.jsonl"]}: a line could not be written: ", Assert.Throws<CheckpointException>(() => Tiny.Train(model, new RowsObjective(), options)).Message, StringComparison.Ordinal);
            return;
        }
        Assert.Equal(4, Tiny.Train(model, new RowsObjective(), options).Steps);
        Assert.Contains(log.Lines, line => line.StartsWith($"Error: Step 2: {folder["a/timings.jsonl"]}: a line could not be written: ", StringComparison.Ordinal) && line.EndsWith("The training goes on without it.", StringComparison.Ordinal));
        Assert.Equal(5, Tiny.Metrics(folder["a"]).Length);
    }

    [Fact]
    public void Run_BestCannotBeWritten_KeepsTheBestBefore()
    {
        var log = new Tiny.ListLogger();
        using var model = new FullDisk(Tiny.Model(Tiny.Even)) { FailingSave = 3 };
        TrainingOptions options = Tiny.Options(folder["a"], 8) with { EvaluateEvery = 2, CheckpointEvery = 0, RequireCheckpoints = false, SavedModel = SavedModel.Best, Logger = log };
        TrainingResult result = Tiny.Train(model, new RowsObjective(), options);
        Assert.Contains(log.Lines, line => line.StartsWith("Error: Step 6: ", StringComparison.Ordinal));
        Assert.Equal(8, result.ModelStep);   // the loss fell on
        Assert.Equal(["step-000004", "step-000008"], Directory.EnumerateFileSystemEntries(Path.Combine(folder["a"], "checkpoints")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Run_CrashBetweenWritingAndRenaming_GoesOnFromTheOneBefore()
    {
        using (var straight = Tiny.Model(Tiny.Even)) Tiny.Train(straight, new RowsObjective(), Tiny.Options(folder["a"], 10));
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["b"], 10));
        string checkpoints = Path.Combine(folder["b"], "checkpoints");
        Directory.Move(Path.Combine(checkpoints, "step-000010"), Path.Combine(checkpoints, ".step-000010.partial"));
        File.WriteAllText(Path.Combine(checkpoints, ".step-000010.partial.lock"), "");

        var log = new Tiny.ListLogger();
        using (var model = Tiny.Model(Tiny.Even, seed: 4)) Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["b"], 10) with { Resume = true, Logger = log });

        Assert.Contains($"Information: Resuming from {Path.Combine(checkpoints, "step-000005")}.", log.Lines);
        Assert.Equal(["step-000005", "step-000010"], Directory.EnumerateFileSystemEntries(checkpoints).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        foreach (string file in new[] { "metrics.jsonl", Path.Combine("model", "model.safetensors"), Path.Combine("checkpoints", "step-000010", "state.json") })
            Assert.Equal(File.ReadAllBytes(Path.Combine(folder["a"], file)), File.ReadAllBytes(Path.Combine(folder["b"], file)));
    }

    // Of every file of the newest checkpoint, the end, the middle and all.
    [Theory]
    [InlineData("state.json")]
    [InlineData("optimizer.safetensors")]
    [InlineData("manifest.json")]
    [InlineData("model/model.safetensors")]
    [InlineData("model/config.json")]
    public void Run_AnyFileTornAnywhere_FallsBackToTheCheckpointBefore(string file)
    {
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["a"], 10));
        string torn = Path.Combine(folder["a"], "checkpoints", "step-000010", file);
        long length = new FileInfo(torn).Length;
        foreach (long rest in new[] { length - 1, length / 2, 0 })
        {
            using (var stream = new FileStream(torn, FileMode.Open)) stream.SetLength(rest);
            var log = new Tiny.ListLogger();
            (string Folder, CheckpointState State)? newest = new CheckpointStore(Path.Combine(folder["a"], "checkpoints"), log).Newest();
            Assert.Equal("step-000005", Path.GetFileName(newest!.Value.Folder));
            Assert.Contains(log.Lines, line => line.StartsWith("Warning: Skipped a broken checkpoint: ", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Write_DeviceWithoutSpace_SaysSoAndLeavesTheOld()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "there is no /dev/full");
        File.WriteAllText(folder["old"], "old");
        var e = Assert.Throws<IOException>(() => AtomicFile.Write(folder["old"], stream =>
        {
            using var full = new FileStream("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
            full.Write("new"u8);
        }));
        Assert.Contains("No space left on device", e.Message, StringComparison.Ordinal);
        Assert.Equal("old", File.ReadAllText(folder["old"]));
    }
}
