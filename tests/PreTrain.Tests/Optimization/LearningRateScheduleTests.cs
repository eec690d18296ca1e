using System.Text.Json.Nodes;
using PreTrain.Optimization;

namespace PreTrain.Tests.Optimization;

public sealed class LearningRateScheduleTests
{
    private static readonly LearningRateSchedule s_schedule = new() { Peak = 0.5, Minimum = 0.1, WarmupSteps = 5, TotalSteps = 25 };

    [Theory]
    [InlineData(0, 0.1)]
    [InlineData(3, 0.4)]
    [InlineData(4, 0.5)]
    [InlineData(5, 0.5)]
    [InlineData(10, 0.1 + 0.4 * 0.5 * (1 + 0.70710678118654752))]   // a quarter of the way
    [InlineData(15, 0.3)]
    [InlineData(25, 0.1)]
    [InlineData(1000, 0.1)]
    public void At_Cosine_FollowsTheFormula(int step, double expected) => Assert.Equal(expected, s_schedule.At(step), 12);

    [Theory]
    [InlineData(2, 0.3)]
    [InlineData(5, 0.5)]
    [InlineData(10, 0.4)]
    [InlineData(25, 0.1)]
    public void At_Linear_FollowsTheFormula(int step, double expected) =>
        Assert.Equal(expected, (s_schedule with { Decay = LearningRateDecay.Linear }).At(step), 12);

    [Theory]
    [InlineData(0, 0.1)]
    [InlineData(5, 0.5)]
    [InlineData(999, 0.5)]
    public void At_Constant_StaysAtThePeak(int step, double expected) =>
        Assert.Equal(expected, (s_schedule with { Decay = LearningRateDecay.Constant }).At(step), 12);

    [Fact]
    public void At_WarmupOnly_HasNoGap()
    {
        var schedule = new LearningRateSchedule { Peak = 3, Minimum = 1, WarmupSteps = 2, TotalSteps = 2 };
        Assert.Equal([1.5, 3, 1], Enumerable.Range(0, 3).Select(schedule.At));
    }

    [Fact]
    public void Validate_SeveralFaults_NamesAll()
    {
        var e = Assert.Throws<ArgumentException>(() => new LearningRateSchedule { Peak = -1, Minimum = -2, WarmupSteps = -3, TotalSteps = -4, Decay = (LearningRateDecay)9 }.Validate());
        Assert.Equal("Peak (-1) must be positive. Minimum (-2) must be at least 0 and at most Peak (-1). WarmupSteps (-3) must not be negative. "
            + "TotalSteps (-4) must be at least WarmupSteps (-3). Decay (9) must be Cosine, Linear, Constant, CosineRestarts, Polynomial, InverseSquareRoot, WarmupStableDecay, OneCycle or Step.", e.Message);
    }

    private static readonly LearningRateSchedule s_reference = new() { Peak = 0.5, WarmupSteps = 5, TotalSteps = 23 };

    private static readonly Dictionary<string, LearningRateSchedule> s_references = new()
    {
        ["constant"] = s_reference with { WarmupSteps = 4, Decay = LearningRateDecay.Constant },
        ["linear"] = s_reference with { Decay = LearningRateDecay.Linear },
        ["cosine"] = s_reference,
        ["cosine-minimum"] = s_reference with { Minimum = 0.05 },
        ["hard-restarts"] = s_reference with { WarmupSteps = 4, TotalSteps = 25, Decay = LearningRateDecay.CosineRestarts, CycleSteps = 7 },
        ["warm-restarts"] = s_reference with { WarmupSteps = 0, TotalSteps = 40, Minimum = 0.02, Decay = LearningRateDecay.CosineRestarts, CycleSteps = 5, CycleFactor = 2 },
        ["polynomial"] = s_reference with { Minimum = 0.01, Decay = LearningRateDecay.Polynomial, Power = 1.7 },
        ["inverse-square-root"] = s_reference with { WarmupSteps = 7, Decay = LearningRateDecay.InverseSquareRoot },
        ["inverse-square-root-timescale"] = s_reference with { WarmupSteps = 7, Decay = LearningRateDecay.InverseSquareRoot, TimescaleSteps = 19 },
        ["warmup-stable-decay-linear"] = s_reference with { TotalSteps = 29, Minimum = 0.05, Decay = LearningRateDecay.WarmupStableDecay, DecaySteps = 11 },
        ["warmup-stable-decay-cosine"] = s_reference with { TotalSteps = 29, Decay = LearningRateDecay.WarmupStableDecay, DecaySteps = 11, FinalDecay = FinalDecay.Cosine },
        ["warmup-stable-decay-1-sqrt"] = s_reference with { TotalSteps = 29, Minimum = 0.05, Decay = LearningRateDecay.WarmupStableDecay, DecaySteps = 11, FinalDecay = FinalDecay.OneMinusSquareRoot },
        ["one-cycle"] = s_reference with { WarmupSteps = 0, TotalSteps = 37, Minimum = 0.5 / 20 / 100, Decay = LearningRateDecay.OneCycle, RiseShare = 0.25, StartDivisor = 20 },
        ["step"] = s_reference with { WarmupSteps = 0, Decay = LearningRateDecay.Step, StepSize = 7, StepFactor = 0.3 },
    };

    public static TheoryData<string> References => [.. s_references.Keys];

    [Theory]
    [MemberData(nameof(References))]
    public void At_EveryForm_EqualsTheReference(string name)
    {
        LearningRateSchedule schedule = s_references[name];
        double[] expected = [.. Fixture()[name]!.AsArray().Select(rate => rate!.GetValue<double>())];
        Assert.True(expected.Length > schedule.WarmupSteps);
        Assert.Empty(schedule.Faults());
        // transformers starts its warm-up with a rate of zero, one step before ours, and where there is a minimum sometimes from that.
        for (int step = 0; step < schedule.WarmupSteps - 1 && schedule.Minimum == 0; step++) Assert.Equal(expected[step + 1], schedule.At(step), 12);
        // Behind the end, cosines of transformers rise again.
        for (int step = schedule.WarmupSteps; step < (schedule.HasEnd ? Math.Min(expected.Length, schedule.TotalSteps) : expected.Length); step++) Assert.Equal(expected[step], schedule.At(step), 12);
    }

    [Theory]
    [InlineData(LearningRateDecay.Cosine)]
    [InlineData(LearningRateDecay.Linear)]
    [InlineData(LearningRateDecay.Constant)]
    [InlineData(LearningRateDecay.CosineRestarts)]
    [InlineData(LearningRateDecay.Polynomial)]
    [InlineData(LearningRateDecay.InverseSquareRoot)]
    [InlineData(LearningRateDecay.WarmupStableDecay)]
    [InlineData(LearningRateDecay.OneCycle)]
    [InlineData(LearningRateDecay.Step)]
    public void At_AnyLength_StaysBetweenZeroAndThePeakAndReachesIt(LearningRateDecay decay)
    {
        for (int total = 1; total < 14; total++)
        {
            for (int warmup = 0; warmup <= total; warmup++)
            {
                var schedule = new LearningRateSchedule { Peak = 0.5, Minimum = 0.01, WarmupSteps = warmup, TotalSteps = total, Decay = decay };
                double[] rates = [.. Enumerable.Range(0, total + 2).Select(schedule.At)];
                Assert.All(rates, rate => Assert.InRange(rate, 0, 0.5 + 1e-15));
                Assert.Equal(0, rates.Take(warmup).Zip(rates.Take(warmup).Skip(1)).Count(pair => pair.First >= pair.Second));
                if (decay != LearningRateDecay.OneCycle && warmup > 0) Assert.Equal(0.5, rates[warmup - 1], 12);
                if (schedule.HasEnd) Assert.Equal(0.01, rates[total], 12);
            }
        }
    }

    [Theory]
    [InlineData(20)]   // halfway through 40 steps: 10 of warm-up and 10 of 30
    [InlineData(7)]
    public void At_WarmupInFrontOfOneCycle_RisesToItsFirstRate(int step)
    {
        var plain = new LearningRateSchedule { Peak = 0.5, TotalSteps = 30, Decay = LearningRateDecay.OneCycle };
        var warmed = plain with { WarmupSteps = 10, TotalSteps = 40 };
        Assert.Equal(step < 10 ? 0.5 / 25 * (step + 1) / 10 : plain.At(step - 10), warmed.At(step), 12);
    }

    [Fact]
    public void Faults_FormsOfDecay_NamesAll()
    {
        LearningRateSchedule wrong = s_reference with
        {
            CycleSteps = 0,
            CycleFactor = 0,
            Power = 0,
            TimescaleSteps = 0,
            DecaySteps = 19,
            FinalDecay = (FinalDecay)7,
            RiseShare = 1,
            StartDivisor = 0.5,
            StepSize = 0,
            StepFactor = 1.5,
        };
        Assert.Equal("CycleSteps (0) must be positive. CycleFactor (0) must be at least 1. Power (0) must be positive. TimescaleSteps (0) must be positive. "
            + "DecaySteps (19) must be at least 0 and at most the steps after the warm-up (18). FinalDecay (7) must be Linear, Cosine or OneMinusSquareRoot. "
            + "RiseShare (1) must be above 0 and below 1. StartDivisor (0.5) must be at least 1. StepSize (0) must be positive. StepFactor (1.5) must be above 0 and at most 1.", string.Join(' ', wrong.Faults()));
    }

    [Theory]
    [InlineData("plateau")]
    [InlineData("plateau-cooldown")]
    public void Observe_Plateau_EqualsTheReferenceAlsoWhenItIsResumed(string name)
    {
        PlateauOptions options = name == "plateau"
            ? new() { Factor = 0.5, Patience = 2, MinimumScale = 0 }
            : new() { Factor = 0.3, Patience = 1, Threshold = 0.05, Cooldown = 3, MinimumScale = 0.02 };
        JsonNode fixture = Fixture();
        double[] losses = [.. fixture["metric"]!.AsArray().Select(x => x!.GetValue<double>())], expected = [.. fixture[name]!.AsArray().Select(x => x!.GetValue<double>())];
        var straight = new ReduceOnPlateau(options);
        for (int i = 0; i < losses.Length; i++)
        {
            straight = new ReduceOnPlateau(options, JsonNode.Parse(straight.State.ToJsonString())!.AsObject());
            straight.Observe(losses[i]);
            Assert.Equal(expected[i], straight.Scale, 12);
        }
        Assert.True(straight.Scale < 0.3);
    }

    [Fact]
    public void Plateau_WrongConstants_NamesAll()
    {
        var e = Assert.Throws<ArgumentException>(() => new ReduceOnPlateau(new() { Factor = 1, Patience = -1, Threshold = 1, Cooldown = -2, MinimumScale = 3 }));
        Assert.Equal("Factor (1) must be above 0 and below 1. Patience (-1) must not be negative. Threshold (1) must be at least 0 and below 1. "
            + "Cooldown (-2) must not be negative. MinimumScale (3) must be from 0 to 1.", e.Message);
    }

    private static JsonNode Fixture() => JsonNode.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Optimization", "fixtures", "schedules.json")))!;
}
