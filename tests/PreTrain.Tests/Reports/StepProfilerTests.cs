using System.Text.Json;
using PreTrain.Reports;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Training;
using PreTrain.Torch;
using static TorchSharp.torch;

namespace PreTrain.Tests.Reports;

[Collection(nameof(RunsAlone))]
public sealed class StepProfilerTests
{
    [Fact]
    public void Profile_OfSomeSteps_CountsTheOperatorsOfThoseStepsOnly()
    {
        Assert.SkipUnless(OperatorProfiler.Missing is null, "The provider has no profiler.");
        using var folder = new TemporaryFolder();
        using var profiler = new StepProfiler(3);
        var log = new Tiny.ListLogger();
        using Tensor a = ones(5, 7), b = ones(7, 11);
        // One more product of matrices after each step: it lies in the window behind steps 3 and 4, and not behind step 5, which ends it.
        var products = new Tiny.AfterStep((_, step) => { for (int i = 0; i < step.Step; i++) a.ldexp(a).Dispose(); });
        Tiny.Train(Tiny.Model(Tiny.Odd), new RowsObjective(), Tiny.Options(folder["run"]) with { Callbacks = [profiler, products, new HtmlReport(new() { Profiler = profiler })], Logger = log, EvaluateEvery = 0 });

        StepProfile profile = profiler.Profile!;
        Assert.Equal((3, 3), (profile.FirstStep, profile.Steps));
        Assert.Equal(2 + 3 + 4, profile.Operators.Single(o => o.Name == "aten::ldexp").Calls);
        Assert.All(profile.Operators, o => Assert.True(o.Calls > 0 && o.SelfSeconds >= 0 && o.Seconds >= o.SelfSeconds, o.ToString()));
        Assert.True(profile.Operators.Sum(o => o.SelfSeconds) < profile.Seconds);
        Assert.Equal(profile.Operators.Select(o => o.SelfSeconds).OrderDescending(), profile.Operators.Select(o => o.SelfSeconds));
        // ldexp computes by pow and mul.
        OperatorTime outer = profile.Operators.Single(o => o.Name == "aten::ldexp");
        Assert.True(outer.SelfSeconds < outer.Seconds);

        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(folder["run/profile.json"]));
        Assert.Equal(profile.Operators.Count, json.RootElement.GetProperty("operators").GetArrayLength());
        Assert.Equal(StepProfiler.Table(profile), File.ReadAllText(folder["run/profile.txt"]));
        Assert.Contains(log.Lines, line => line.Contains("own share", StringComparison.Ordinal));
        Assert.Contains(profile.Operators[0].Name, File.ReadAllText(folder["run/report.html"]).Split("Where the time of a step goes")[1]);
    }

    [Fact]
    public void Profile_RunShorterThanTheWindow_IsOfWhatThereWas()
    {
        Assert.SkipUnless(OperatorProfiler.Missing is null, "The provider has no profiler.");
        using var folder = new TemporaryFolder();
        using StepProfiler late = new(50), whole = new(50);
        Tiny.Train(Tiny.Model(Tiny.Odd), new RowsObjective(), Tiny.Options(folder["a"], steps: 5) with { Callbacks = [late] });
        Tiny.Train(Tiny.Model(Tiny.Odd), new RowsObjective(), Tiny.Options(folder["b"], steps: 2) with { Callbacks = [whole] });

        Assert.Equal((3, 3), (late.Profile!.FirstStep, late.Profile.Steps));
        Assert.Equal((1, 2), (whole.Profile!.FirstStep, whole.Profile.Steps));
    }

    [Fact]
    public void Profile_CannotBeWritten_SaysSoAndTheTrainingGoesOn()
    {
        Assert.SkipUnless(OperatorProfiler.Missing is null, "The provider has no profiler.");
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["run/profile.txt"]);   // in the way
        using var profiler = new StepProfiler(1);
        var log = new Tiny.ListLogger();
        Assert.Equal(5, Tiny.Train(Tiny.Model(Tiny.Odd), new RowsObjective(), Tiny.Options(folder["run"], steps: 5) with { Callbacks = [profiler], Logger = log }).Steps);
        Assert.Contains(log.Lines, line => line.StartsWith("Warning: The profile could not be written: ", StringComparison.Ordinal));
        Assert.Equal(1, profiler.Profile!.Steps);
    }

    [Fact]
    public void Start_WhileOneRuns_IsRefusedAndDisposalEndsIt()
    {
        Assert.SkipUnless(OperatorProfiler.Missing is null, "The provider has no profiler.");
        using (OperatorProfiler.Start()) Assert.Contains("already", Assert.Throws<InvalidOperationException>(OperatorProfiler.Start).Message);

        using OperatorProfiler second = OperatorProfiler.Start();
        using Tensor a = ones(3, 5);
        Assert.Contains(second.Stop(), o => o is { Name: "aten::ones", Calls: 1 });
        using Tensor b = ones(3, 5);
        Assert.Empty(second.Stop());
    }

    [Fact]
    public void Steps_NotPositive_IsRefused() => Assert.Throws<ArgumentOutOfRangeException>(() => new StepProfiler(0));

    [Fact]
    public void Table_AProfile_IsOfOneStep()
    {
        var profile = new StepProfile { FirstStep = 3, Steps = 2, Seconds = 0.02, Operators = [new("aten::mm", 6, 0.012, 0.010), new("aten::add", 3, 0.004, 0.004)] };

        Assert.Equal(0.006, profile.OutsideSeconds, 1e-12);
        Assert.Equal("""
            Steps 3 to 4, 10.00 ms each; calls and times are those of a step.

               calls         ms     own ms own share  operator
                   3      6.000      5.000    50.0 %  aten::mm
                 1.5      2.000      2.000    20.0 %  aten::add
                                     3.000    30.0 %  (in no operator of torch: kernels in C#, the optimizer, data, .NET)

            """, StepProfiler.Table(profile));
    }
}
