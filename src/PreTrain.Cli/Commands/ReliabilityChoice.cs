using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using PreTrain.Cli.Hosting;
using PreTrain.Training;

namespace PreTrain.Cli.Commands;

/// <summary>The options for what a long training meets: faults, a loss that no longer falls, a full disk, too little memory.</summary>
internal sealed class ReliabilityChoice
{
    private const string Automatic = "auto";
    private static readonly FaultOptions s_faults = new();
    private static readonly EarlyStoppingOptions s_stopping = new();
    private static readonly (string, FaultPolicy)[] s_policies = [("stop", FaultPolicy.Stop), ("skip", FaultPolicy.Skip), ("rollback", FaultPolicy.RollBack)];

    private readonly Option<FaultPolicy?> _notFinite = Options.Choice("--on-not-finite", "What happens when a loss or gradient is not finite: the training ends, the batches are passed over, or also the last checkpoint is gone back to. The default is stop.", s_policies);
    private readonly Option<FaultPolicy?> _spike = Options.Choice("--on-spike", "The same for a loss or gradient norm that is far above those of the last steps. By default nobody looks.", s_policies);
    private readonly Option<double?> _threshold = Options.Number("--spike-threshold", $"Standard deviations above the mean that make a spike. The default is {s_faults.SpikeThreshold}.", value => value > 0, "must be a positive number");
    private readonly Option<int?> _window = Options.Positive("--spike-window", $"The last steps that a spike is measured by. The default is {s_faults.SpikeWindowSteps}.");
    private readonly Option<int?> _warmup = Options.Positive("--spike-warmup", "Steps before a spike can be one. The default is half the window.");
    private readonly Option<int?> _maxFaults = Options.NotNegative("--max-faults", $"Faults without progress that are borne. The default is {s_faults.MaxInARow}.");
    private readonly Option<int?> _patience = Options.Positive("--patience", "Ends the training after so many evaluations in a row without an improvement. By default it goes to the last step.");
    private readonly Option<double?> _delta = Options.Number("--minimum-delta", $"What an improvement for --patience is at least. The default is {s_stopping.MinimumDelta}.", value => value >= 0, "must be a number from 0");
    private readonly Option<SavedModel?> _save = Options.Choice("--save", "The weights that the training ends with. The default is last.", ("last", SavedModel.Last), ("best", SavedModel.Best));
    private readonly Option<int?> _keep = Options.Positive("--keep-checkpoints", "The newest checkpoints that stay. The default is 2.");
    private readonly Option<int?> _keepEvery = Options.NotNegative("--keep-every", "Checkpoints whose step is a multiple of this stay for ever; 0 for none. The default is 0.");
    private readonly Option<bool> _goOn = new("--allow-missing-checkpoints") { Description = "Go on when a checkpoint cannot be written." };
    private readonly Option<int?> _microBatch = MicroBatch();
    private readonly Option<bool> _deterministic = new("--deterministic") { Description = "Two runs end with the same bytes, on CUDA devices too." };

    public IEnumerable<Option> All => [_notFinite, _spike, _threshold, _window, _warmup, _maxFaults, _patience, _delta, _save, _keep, _keepEvery, _goOn, _microBatch, _deterministic];

    /// <summary>Sets them.</summary>
    /// <exception cref="UsageException">Options do not fit together.</exception>
    public TrainingOptions Apply(ParseResult parsed, TrainingOptions options)
    {
        var faults = new List<string>();
        FaultPolicy? spike = parsed.GetValue(_spike);
        int? patience = parsed.GetValue(_patience);
        foreach (Option option in new Option[] { _threshold, _window, _warmup })
            if (spike is null && parsed.GetResult(option) is { Implicit: false }) faults.Add($"{option.Name} belongs to --on-spike, which is not given.");
        if (patience is null && parsed.GetValue(_delta) is not null) faults.Add("--minimum-delta belongs to --patience, which is not given.");
        int window = parsed.GetValue(_window) ?? s_faults.SpikeWindowSteps, warmup = parsed.GetValue(_warmup) ?? Math.Max(2, window / 2);
        if (window < 2) faults.Add($"--spike-window ({window}) must be at least 2.");
        if (warmup < 2 || warmup > window) faults.Add($"--spike-warmup ({warmup}) must be at least 2 and at most --spike-window ({window}).");
        if (patience is not null && options.EvaluateEvery == 0) faults.Add("--patience needs evaluations: --evaluate-every (0) must be positive.");
        if (faults.Count > 0) throw new UsageException(string.Join(Environment.NewLine, faults));
        return options with
        {
            Faults = new()
            {
                NotFinite = parsed.GetValue(_notFinite) ?? s_faults.NotFinite,
                Spike = spike,
                SpikeThreshold = parsed.GetValue(_threshold) ?? s_faults.SpikeThreshold,
                SpikeWindowSteps = window,
                SpikeWarmupSteps = warmup,
                MaxInARow = parsed.GetValue(_maxFaults) ?? s_faults.MaxInARow,
            },
            EarlyStopping = patience is null ? null : new() { Patience = patience.Value, MinimumDelta = parsed.GetValue(_delta) ?? s_stopping.MinimumDelta },
            SavedModel = parsed.GetValue(_save) ?? options.SavedModel,
            KeepCheckpoints = parsed.GetValue(_keep) ?? options.KeepCheckpoints,
            KeepCheckpointsEvery = parsed.GetValue(_keepEvery) ?? options.KeepCheckpointsEvery,
            RequireCheckpoints = !parsed.GetValue(_goOn),
            MicroBatchSize = parsed.GetValue(_microBatch),
            Deterministic = parsed.GetValue(_deterministic),
        };
    }

    /// <summary>The values of the options; null for what is not looked at.</summary>
    public IEnumerable<(Option, JsonNode?)> Effective(TrainingOptions training)
    {
        FaultOptions faults = training.Faults;
        bool looks = faults.Spike is not null;
        return
        [
            (_notFinite, WordOf(faults.NotFinite)), (_spike, faults.Spike is { } policy ? WordOf(policy) : null), (_threshold, looks ? faults.SpikeThreshold : null),
            (_window, looks ? faults.SpikeWindowSteps : null), (_warmup, looks ? faults.SpikeWarmupSteps : null), (_maxFaults, faults.MaxInARow), (_patience, training.EarlyStopping?.Patience),
            (_delta, training.EarlyStopping?.MinimumDelta), (_save, training.SavedModel == SavedModel.Best ? "best" : "last"), (_keep, training.KeepCheckpoints),
            (_keepEvery, training.KeepCheckpointsEvery), (_goOn, !training.RequireCheckpoints), (_deterministic, training.Deterministic),
            (_microBatch, training.MicroBatchSize switch { null => null, 0 => Automatic, { } rows => rows.ToString(CultureInfo.InvariantCulture) }),
        ];
    }

    private static string WordOf(FaultPolicy policy) => s_policies.Single(choice => choice.Item2 == policy).Item1;

    private static Option<int?> MicroBatch() => new("--micro-batch")
    {
        Description = $"Rows of a batch that are computed at once, or {Automatic} for the fastest that fits; the loss is the same. The default is all, and fewer where memory turns out not to be enough.",
        HelpName = $"NUMBER|{Automatic}",
        CustomParser = result =>
        {
            string text = result.Tokens[^1].Value;
            if (text.Equals(Automatic, StringComparison.OrdinalIgnoreCase)) return 0;
            if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int rows) && rows > 0) return rows;
            result.AddError($"--micro-batch ({text}) must be a positive whole number or {Automatic}.");
            return null;
        },
    };
}
