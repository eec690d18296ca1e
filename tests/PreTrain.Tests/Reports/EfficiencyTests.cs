using PreTrain.Models.Gpt;
using PreTrain.Reports;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Training;
using PreTrain.Training;

namespace PreTrain.Tests.Reports;

public sealed class EfficiencyTests
{
    /// <summary>The numbers of PaLM 540B, from table 1 of its paper.</summary>
    [Fact]
    public void PerToken_PaLM_IsThePapersFormula() =>
        Assert.Equal(6.0 * 540_350_000_000 + 12.0 * 118 * 48 * 256 * 2048, new TransformerCost { LayerCount = 118, AttentionDim = 48 * 256, ContextLength = 2048 }.PerToken(540_350_000_000));

    [Fact]
    public void PerToken_EncoderAndDecoder_MeetsHalfOfTheParameters() =>
        Assert.Equal(3.0 * 1009 + 12 * 2 * 5 * 7, new TransformerCost { LayerCount = 2, AttentionDim = 5, ContextLength = 7, ParameterShare = 0.5 }.PerToken(1009));

    [Fact]
    public void PerToken_AFewScoredTokens_MeetTheVocabularysPart() =>
        Assert.Equal(6 * (1009 - 0.75 * 400) + 12 * 2 * 5 * 7, new TransformerCost { LayerCount = 2, AttentionDim = 5, ContextLength = 7, ScoreParameterCount = 400, ScoredShare = 0.25 }.PerToken(1009));

    [Fact]
    public void PerToken_MoreScoresThanParameters_IsRefused() => Assert.Contains("at most all (1009)", Assert.Throws<ArgumentOutOfRangeException>(() =>
        new TransformerCost { LayerCount = 2, AttentionDim = 5, ContextLength = 7, ScoreParameterCount = 1010 }.PerToken(1009)).Message);

    [Fact]
    public void Options_OutOfRange_NamesEach()
    {
        var fault = Assert.Throws<ArgumentException>(() => new EfficiencyMeter(new() { PeakFlopsPerSecond = 0, Watts = -3 }));

        Assert.Equal("PeakFlopsPerSecond (0) must be positive. Watts (-3) must be positive.", fault.Message);
    }

    [Fact]
    public void Current_OfARun_IsItsTokensAndTheFormula()
    {
        using var folder = new TemporaryFolder();
        using GptModel model = Tiny.Model(Tiny.Odd);
        var cost = new TransformerCost { LayerCount = 2, AttentionDim = 21, ContextLength = 11 };
        var meter = new EfficiencyMeter(new() { Cost = cost, PeakFlopsPerSecond = 1e12, Watts = 50 });
        double seconds = 0;
        long tokens = 0, parameters = 0;
        var halves = new List<double>();
        TrainingResult result = Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["run"]) with
        {
            Callbacks = [meter, new Tiny.AfterStep((run, step) =>
            {
                seconds += step.TrainingSeconds;
                tokens += step.InputTokens;
                parameters = run.ParameterCount;
                if (step.Step == 6) halves.Add(meter.Current!.RemainingSeconds / meter.Current.Seconds);
            })],
        });

        Efficiency efficiency = meter.Current!;
        Assert.Equal(12 * 3 * 11, tokens);
        Assert.Equal(tokens / seconds, efficiency.TokensPerSecond, 1e-6);
        Assert.Equal(efficiency.TokensPerSecond * cost.PerToken(parameters), efficiency.FlopsPerSecond!.Value, 1);
        Assert.Equal(efficiency.FlopsPerSecond.Value / 1e12, efficiency.Utilization!.Value, 1e-12);
        Assert.Equal(1, Assert.Single(halves), 1e-9);   // half of the steps are half of the time
        Assert.Equal((0, 50), (efficiency.RemainingSeconds, efficiency.AssumedWatts!.Value));
        Assert.Equal(50 * result.Seconds, efficiency.EnergyJoules!.Value, 1e-9);
        Assert.False(efficiency.PeakIsMeasured);
    }

    [Fact]
    public void Current_NoPeakGiven_MeasuresOne()
    {
        using var folder = new TemporaryFolder();
        var log = new Tiny.ListLogger();
        var meter = new EfficiencyMeter(new EfficiencyOptions { Cost = new() { LayerCount = 2, AttentionDim = 21, ContextLength = 11 } }, counter: null);
        Tiny.Train(Tiny.Model(Tiny.Odd), new RowsObjective(), Tiny.Options(folder["run"], 3) with { Callbacks = [meter], Logger = log });

        Assert.True(meter.Current!.PeakIsMeasured);
        Assert.InRange(meter.Current.PeakFlopsPerSecond!.Value, 1e8, 1e16);
        Assert.InRange(meter.Current.Utilization!.Value, 1e-9, 1);
        Assert.Null(meter.Current.EnergyJoules);
        Assert.Contains(log.Lines, line => line.Contains("(measured)", StringComparison.Ordinal) && line.Contains("tokens/s", StringComparison.Ordinal));
    }

    [Fact]
    public void Read_CountersOfTwoPackages_AddsThemUpAndKnowsWhenTheyGoRound()
    {
        using var folder = new TemporaryFolder();
        Zone("intel-rapl:0", "package-0", 900, 1000);
        Zone("intel-rapl:1", "package-1", 5_000_000, 9_000_000);
        Zone("intel-rapl:0:0", "core", 3, 1000);
        Zone("intel-rapl:2", "psys", 7, 1000);
        EnergyCounter counter = EnergyCounter.Open(folder.Root)!;

        Assert.Equal(0, counter.Read());
        Zone("intel-rapl:0", "package-0", 100, 1000);   // went round: 200 more
        Zone("intel-rapl:1", "package-1", 7_000_000, 9_000_000);
        Zone("intel-rapl:0:0", "core", 900, 1000);
        Assert.Equal(2.0002, counter.Read()!.Value, 1e-12);
        Assert.Equal(2.0002, counter.Read()!.Value, 1e-12);
        File.Delete(folder["intel-rapl:1/energy_uj"]);
        Assert.Null(counter.Read());

        void Zone(string name, string kind, long energy, long range)
        {
            Directory.CreateDirectory(folder[name]);
            foreach (var (file, value) in new[] { ("name", kind), ("energy_uj", $"{energy}"), ("max_energy_range_uj", $"{range}") }) File.WriteAllText(Path.Combine(folder[name], file), value + "\n");
        }
    }

    [Fact]
    public void Open_NoCounter_IsNone()
    {
        using var folder = new TemporaryFolder();

        Assert.Null(EnergyCounter.Open(folder.Root));
        Assert.Null(EnergyCounter.Open(folder["missing"]));
    }

    [Fact]
    public void Sentence_AllMeasures_SaysWhatIsAssumed()
    {
        var efficiency = new Efficiency
        {
            TokensPerSecond = 12345.4,
            FlopsPerSecond = 61.23e9,
            PeakFlopsPerSecond = 142e9,
            PeakIsMeasured = true,
            Seconds = 100,
            RemainingSeconds = 200,
            EnergyJoules = 6500,
            AssumedWatts = 65,
        };

        Assert.Equal("12,345 tokens/s, 61.2 GFLOP/s, 43.1 % of 142 GFLOP/s (measured), 3:20 left, 6.5 kJ (if it takes 65 W)", EfficiencyText.Sentence(efficiency));
        Assert.Equal(19500, efficiency.ExpectedJoules!.Value, 1e-9);
        Assert.Equal("2.01 kWh (processors, measured)", EfficiencyText.Energy(efficiency with { EnergyJoules = 7.22e6, AssumedWatts = null }));
        Assert.Equal("not known", EfficiencyText.Energy(efficiency with { EnergyJoules = null }));
    }
}
