using System.CommandLine;
using System.Text.Json.Nodes;
using PreTrain.Cli.Hosting;
using PreTrain.Optimization;
using PreTrain.Training;

namespace PreTrain.Cli.Commands;

/// <summary>The options that choose how the learning rate goes.</summary>
internal sealed class ScheduleChoice
{
    private static readonly (string Word, LearningRateDecay Value)[] s_names =
    [
        ("cosine", LearningRateDecay.Cosine), ("linear", LearningRateDecay.Linear), ("constant", LearningRateDecay.Constant), ("cosine-restarts", LearningRateDecay.CosineRestarts),
        ("polynomial", LearningRateDecay.Polynomial), ("inverse-sqrt", LearningRateDecay.InverseSquareRoot), ("wsd", LearningRateDecay.WarmupStableDecay),
        ("one-cycle", LearningRateDecay.OneCycle), ("step", LearningRateDecay.Step),
    ];

    private static readonly (string Word, FinalDecay Value)[] s_finalDecays = [("linear", FinalDecay.Linear), ("cosine", FinalDecay.Cosine), ("1-sqrt", FinalDecay.OneMinusSquareRoot)];

    private readonly Option<LearningRateDecay?> _schedule = Options.Choice("--schedule", "How the learning rate goes after the warm-up. The default is cosine.", s_names);
    private readonly Option<double?> _minimum = Options.Number("--minimum-learning-rate", "The learning rate at the end, or that it does not fall below. The default is a tenth of the highest.", rate => rate >= 0, "must be a number from 0");
    private readonly Option<int?> _warmupSteps = Options.NotNegative("--warmup-steps", "Steps in which the learning rate rises. The default is a twentieth of --steps, at most 2000; 0 with one-cycle.");
    private readonly Option<int?> _cycleSteps = Options.Positive("--cycle-steps", "Steps of the first cosine of cosine-restarts. The default is all after the warm-up.");
    private readonly Option<int?> _cycleFactor = Options.Positive("--cycle-factor", "How much longer each cosine of cosine-restarts is than the one before. The default is 1.");
    private readonly Option<double?> _power = Options.Number("--power", "The power of polynomial. The default is 2.", power => power > 0, "must be a positive number");
    private readonly Option<int?> _timescaleSteps = Options.Positive("--timescale-steps", "The step of inverse-sqrt that the highest rate belongs to. The default is --warmup-steps, or 10000 without.");
    private readonly Option<int?> _decaySteps = Options.NotNegative("--decay-steps", "The last steps of wsd, in which the rate falls. The default is a tenth of --steps.");
    private readonly Option<FinalDecay?> _finalDecay = Options.Choice("--final-decay", "How the rate falls in the last steps of wsd. The default is linear.", s_finalDecays);
    private readonly Option<double?> _riseShare = Options.Number("--rise-share", "The share of the steps of one-cycle in which the rate rises. The default is 0.3.", share => share is > 0 and < 1, "must be a number above 0 and below 1");
    private readonly Option<double?> _startDivisor = Options.Number("--start-divisor", "What the highest rate is divided by for the first step of one-cycle. The default is 25.", divisor => divisor >= 1, "must be a number from 1");
    private readonly Option<int?> _stepSize = Options.Positive("--step-size", "Steps between two changes of step. The default is a third of those after the warm-up.");
    private readonly Option<double?> _stepFactor = Options.Number("--step-factor", "What step multiplies the rate with. The default is 0.1.", factor => factor is > 0 and <= 1, "must be a number above 0 and at most 1");

    public IEnumerable<Option> All =>
    [
        _schedule, _minimum, _warmupSteps, _cycleSteps, _cycleFactor, _power, _timescaleSteps, _decaySteps, _finalDecay, _riseShare, _startDivisor, _stepSize, _stepFactor,
    ];

    public static string NameOf(LearningRateDecay decay) => s_names.Single(name => name.Value == decay).Word;

    /// <summary>The values of a training; null for what does not belong to its schedule.</summary>
    public IEnumerable<(Option, JsonNode?)> Effective(TrainingOptions options)
    {
        LearningRateSchedule s = options.Schedule;
        JsonNode? Of(LearningRateDecay owner, Func<JsonNode?> value) => s.Decay == owner ? value() : null;
        return
        [
            (_schedule, NameOf(s.Decay)), (_minimum, s.Minimum), (_warmupSteps, s.WarmupSteps), (_cycleSteps, Of(LearningRateDecay.CosineRestarts, () => s.CycleSteps)),
            (_cycleFactor, Of(LearningRateDecay.CosineRestarts, () => s.CycleFactor)), (_power, Of(LearningRateDecay.Polynomial, () => s.Power)),
            (_timescaleSteps, Of(LearningRateDecay.InverseSquareRoot, () => s.TimescaleSteps)), (_decaySteps, Of(LearningRateDecay.WarmupStableDecay, () => s.DecaySteps)),
            (_finalDecay, Of(LearningRateDecay.WarmupStableDecay, () => s_finalDecays.Single(choice => choice.Value == s.FinalDecay).Word)),
            (_riseShare, Of(LearningRateDecay.OneCycle, () => s.RiseShare)), (_startDivisor, Of(LearningRateDecay.OneCycle, () => s.StartDivisor)),
            (_stepSize, Of(LearningRateDecay.Step, () => s.StepSize)), (_stepFactor, Of(LearningRateDecay.Step, () => s.StepFactor)),
        ];
    }

    /// <summary>Sets the schedule of a training with a learning rate and a number of steps.</summary>
    /// <exception cref="UsageException">Options do not fit together.</exception>
    public TrainingOptions Apply(ParseResult parsed, TrainingOptions options)
    {
        LearningRateDecay decay = parsed.GetValue(_schedule) ?? LearningRateDecay.Cosine;
        var faults = new List<string>();
        Option[] given = [.. All.Where(option => parsed.GetResult(option) is { Implicit: false })];
        foreach (var (option, owner) in new (Option, LearningRateDecay)[]
        {
            (_cycleSteps, LearningRateDecay.CosineRestarts), (_cycleFactor, LearningRateDecay.CosineRestarts), (_power, LearningRateDecay.Polynomial),
            (_timescaleSteps, LearningRateDecay.InverseSquareRoot), (_decaySteps, LearningRateDecay.WarmupStableDecay), (_finalDecay, LearningRateDecay.WarmupStableDecay),
            (_riseShare, LearningRateDecay.OneCycle), (_startDivisor, LearningRateDecay.OneCycle), (_stepSize, LearningRateDecay.Step), (_stepFactor, LearningRateDecay.Step),
        })
        {
            if (owner != decay && given.Contains(option)) faults.Add($"{option.Name} belongs to --schedule {NameOf(owner)}, and the schedule is {NameOf(decay)}.");
        }
        double? minimum = parsed.GetValue(_minimum);
        int? warmup = parsed.GetValue(_warmupSteps), last = parsed.GetValue(_decaySteps);
        if (minimum > options.LearningRate) faults.Add($"--minimum-learning-rate ({minimum}) must be at most --learning-rate ({options.LearningRate}).");
        if (warmup > options.Steps) faults.Add($"--warmup-steps ({warmup}) must be at most --steps ({options.Steps}).");
        options = options with { LearningRateDecay = decay, MinimumLearningRate = minimum, WarmupSteps = warmup };
        LearningRateSchedule usual = options.Schedule, chosen = usual with
        {
            CycleSteps = parsed.GetValue(_cycleSteps) ?? usual.CycleSteps,
            CycleFactor = parsed.GetValue(_cycleFactor) ?? usual.CycleFactor,
            Power = parsed.GetValue(_power) ?? usual.Power,
            TimescaleSteps = parsed.GetValue(_timescaleSteps) ?? usual.TimescaleSteps,
            DecaySteps = last ?? usual.DecaySteps,
            FinalDecay = parsed.GetValue(_finalDecay) ?? usual.FinalDecay,
            RiseShare = parsed.GetValue(_riseShare) ?? usual.RiseShare,
            StartDivisor = parsed.GetValue(_startDivisor) ?? usual.StartDivisor,
            StepSize = parsed.GetValue(_stepSize) ?? usual.StepSize,
            StepFactor = parsed.GetValue(_stepFactor) ?? usual.StepFactor,
        };
        if (last > usual.TotalSteps - usual.WarmupSteps) faults.Add($"--decay-steps ({last}) must be at most the steps after the warm-up ({usual.TotalSteps - usual.WarmupSteps}).");
        if (faults.Count > 0) throw new UsageException(string.Join(Environment.NewLine, faults));
        return chosen == usual ? options : options with { Schedule = chosen };
    }
}
