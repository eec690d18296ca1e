using PreTrain.Reports;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Training;
using PreTrain.Training;

namespace PreTrain.Tests.Reports;

public sealed class EventFileTests
{
    [Fact]
    public void Checksum_OfTheStandardsExample_IsTheStandards() =>
        // CRC-32C of "123456789" is e3069283; masked by rotation to the right by 15 and an addition.
        Assert.Equal(unchecked((0xe3069283u >> 15 | 0xe3069283u << 17) + 0xa282ead8u), EventReader.Masked("123456789"u8));

    [Fact]
    public void AddScalarsAndText_SomeSteps_AreReadBack()
    {
        using var folder = new TemporaryFolder();
        string path;
        using (var file = new EventFile(folder.Root))
        {
            path = file.Path;
            file.AddScalars(3, ("loss/training", 2.5), ("speed", 1e9));
            file.AddText(7, "sample", "a ⇒ b\n\nc");
            file.AddScalars(1L << 40, ("loss/training", double.NaN));
        }

        List<EventReader.Event> events = EventReader.Read(path);
        Assert.Equal(("brain.Event:2", 0L), (events[0].Version, events[0].Step));
        Assert.Equal((true, 0L), (events[1].IsStart, events[1].Step));
        Assert.Equal([("loss/training", 2.5f, null, null), ("speed", 1e9f, null, null)], events[2].Values);
        Assert.Equal([("sample", null, "a ⇒ b\n\nc", "text")], events[3].Values);
        Assert.Equal((1L << 40, float.NaN), (events[4].Step, events[4].Values[0].Number!.Value));
        Assert.All(events, e => Assert.InRange(e.Time, DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 600, DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 1));
        Assert.Matches(@"^events\.out\.tfevents\.\d{10}\.", Path.GetFileName(path));
    }

    [Fact]
    public void EventFile_AfterALaterOne_HasALaterName()
    {
        using var folder = new TemporaryFolder();
        string[] names = new string[5];
        for (int i = 0; i < names.Length; i++)
        {
            using var file = new EventFile(folder.Root, i);
            names[i] = file.Path;
        }
        Assert.Equal(names.Order(StringComparer.Ordinal), names);
        Assert.Equal(names.Length, names.Distinct().Count());
    }

    [Fact]
    public void AddScalars_DiskBecomesFull_LeavesWholeEventsAlone()
    {
        using var folder = new TemporaryFolder();
        using (var file = new EventFile(new FillingStream(folder["events"]) { Room = 130 }, 0))
        {
            Assert.Throws<IOException>(() => file.AddScalars(3, ("a long name, for which there is room for a half", 1)));
            file.AddScalars(4, ("b", 2));
        }
        Assert.Equal([0L, 0L, 4L], EventReader.Read(folder["events"]).Select(e => e.Step));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(90)]
    [InlineData(400)]
    public void TensorBoardCallback_DiskBecomesFull_SaysSoOnceAndTheTrainingGoesOn(int room)
    {
        using var folder = new TemporaryFolder();
        var log = new Tiny.ListLogger();
        using var callback = new TensorBoardCallback { Open = (output, first) => new EventFile(new FillingStream(Path.Combine(output, "events.out.tfevents.1")) { Room = room }, first) };
        TrainingResult result = Tiny.Train(Tiny.Model(Tiny.Even), new RowsObjective(), Tiny.Options(folder["run"]) with { Callbacks = [callback], Logger = log });

        Assert.Equal(12, result.Steps);
        Assert.Equal("Warning: There will be no more events for TensorBoard, which could not be written: No space left on device", Assert.Single(log.Lines, line => line.Contains("TensorBoard", StringComparison.Ordinal)));
        EventReader.ReadFolder(folder["run"]);   // no torn one
    }

    /// <summary>A file that takes so many bytes, and of what comes then a part.</summary>
    private sealed class FillingStream(string path) : FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0)
    {
        public int Room { get; init; }

        public override void Write(ReadOnlySpan<byte> buffer) => Write(buffer.ToArray(), 0, buffer.Length);

        public override void Write(byte[] buffer, int offset, int count)
        {
            int taken = (int)Math.Min(count, Math.Max(0, Room - Position));
            base.Write(buffer, offset, taken);
            if (taken < count) throw new IOException("No space left on device");
        }
    }

    [Fact]
    public void TensorBoardCallback_ResumedRun_DropsWhatLiesBehindTheCheckpoint()
    {
        using var folder = new TemporaryFolder();
        var data = new RowsObjective();
        using TensorBoardCallback whole = new(), first = new(), second = new();
        Tiny.Train(Tiny.Model(Tiny.Odd), data, Tiny.Options(folder["whole"]) with { Callbacks = [whole] });
        // Ends by an exception at step 8; the checkpoint is of step 5.
        Assert.Throws<InvalidDataException>(() => Tiny.Train(Tiny.Model(Tiny.Odd), data,
            Tiny.Options(folder["parts"]) with { Callbacks = [first, new Tiny.AfterStep((_, step) => { if (step.Step == 8) throw new InvalidDataException(); })] }));
        first.Dispose();
        Tiny.Train(Tiny.Model(Tiny.Odd), data, Tiny.Options(folder["parts"]) with { Callbacks = [second], Resume = true });

        List<EventReader.Event> expected = EventReader.ReadFolder(folder["whole"]), actual = EventReader.ReadFolder(folder["parts"]);
        foreach (string tag in new[] { "loss/training", "loss/validation", "optimizer/learning_rate", "optimizer/gradient_norm" })
        {
            Assert.NotEmpty(EventReader.Numbers(expected, tag));
            Assert.Equal(EventReader.Numbers(expected, tag), EventReader.Numbers(actual, tag));
        }
        Assert.Equal(12, EventReader.Numbers(actual, "speed/tokens_per_second").Length);
    }

    [Fact]
    public void Callbacks_RunThatGoesBackToACheckpoint_ShowEachStepOnceAndTheFault()
    {
        using var folder = new TemporaryFolder();
        using TensorBoardCallback straight = new(), back = new();
        // The batch of step 8 is spoiled: back to step 5, and on behind it.
        Tiny.Train(Tiny.Model(Tiny.Even), new RowsObjective { Omitted = [15, 18, 21] }, Tiny.Options(folder["straight"]) with { Callbacks = [straight] });
        Tiny.Train(Tiny.Model(Tiny.Even), new RowsObjective { Factors = new Dictionary<long, double> { [21] = double.NaN } },
            Tiny.Options(folder["back"]) with { Faults = new() { NotFinite = FaultPolicy.RollBack }, Callbacks = [back, new HtmlReport()] });

        List<EventReader.Event> expected = EventReader.ReadFolder(folder["straight"]), actual = EventReader.ReadFolder(folder["back"]);
        foreach (string tag in new[] { "loss/training", "loss/validation" }) Assert.Equal(EventReader.Numbers(expected, tag), EventReader.Numbers(actual, tag));
        Assert.Equal(2, Directory.GetFiles(folder["back"], "events.out.tfevents.*").Length);
        Assert.Contains("The loss of step 8 is NaN.", File.ReadAllText(folder["back/report.html"]));
    }

    [Fact]
    public void TensorBoardCallback_Configuration_IsATableThatNothingBreaks()
    {
        using var folder = new TemporaryFolder();
        using var callback = new TensorBoardCallback(new() { ["data"] = "a|b\nc", ["model"] = new System.Text.Json.Nodes.JsonObject { ["layers"] = 2 } });
        Tiny.Train(Tiny.Model(Tiny.Odd), new RowsObjective(), Tiny.Options(folder.Root, steps: 3) with { Callbacks = [callback] });

        string table = EventReader.ReadFolder(folder.Root).SelectMany(e => e.Values).Single(value => value.Tag == "configuration").Text!;
        Assert.Equal("| option | value |\n|---|---|\n| data | a\\|b c |\n| model.layers | 2 |\n", table);
    }
}
