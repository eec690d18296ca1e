using System.CommandLine;
using System.Text.Json.Nodes;
using PreTrain.Cli.Hosting;
using PreTrain.Optimization;
using PreTrain.Training;

namespace PreTrain.Cli.Commands;

/// <summary>The options that choose how weights are updated.</summary>
internal sealed class OptimizerChoice
{
    private const string AdamW = "adamw";

    private static readonly IOptimizerOptions[] s_optimizers =
    [
        new AdamWOptions(), new AdamOptions(), new AdamaxOptions(), new AdamW8BitOptions(), new SgdOptions(), new RmsPropOptions(), new AdagradOptions(), new AdafactorOptions(), new LionOptions(),
        new LambOptions(), new MuonOptions(),
    ];

    private readonly Option<int?> _optimizer = Options.Choice("--optimizer", $"The optimizer. The default is {AdamW}.", [.. s_optimizers.Select((o, i) => (o.Name, i))]);
    private readonly Option<double?> _weightDecay = Options.Number("--weight-decay", "The weight decay of the matrices. The default is the optimizer's own: 0.1 of adamw.", decay => decay >= 0, "must be a number from 0");
    private readonly Option<double?> _beta1 = Share("--beta1", "Decay rate of the first moment. The default is the optimizer's own: 0.9 of adamw.");
    private readonly Option<double?> _beta2 = Share("--beta2", "Decay rate of the second moment. The default is the optimizer's own: 0.95 of adamw.");
    private readonly Option<double?> _epsilon = Options.Number("--epsilon", "Added to what the gradient is divided by. The default is the optimizer's own: 1e-8 of adamw.", epsilon => epsilon > 0, "must be a positive number");
    private readonly Option<double?> _momentum = Share("--momentum", "The share of former updates of sgd, rmsprop and muon.");
    private readonly Option<bool> _nesterov = new("--nesterov") { Description = "Let sgd look at the gradient behind the momentum's step." };
    private readonly Option<double?> _clipNorm = Options.Number("--clip-norm", "Gradients with a larger norm are scaled down to it; 0 for never. The default is 1.", limit => limit >= 0, "must be a number from 0");
    private readonly Option<double?> _clipValue = Options.Number("--clip-value", "The largest magnitude of an element of the gradient; 0 for any. The default is 0.", limit => limit >= 0, "must be a number from 0");
    private readonly Option<double?> _l1 = Options.Number("--l1", "The weight of the magnitudes of the matrices in the loss. The default is 0.", weight => weight >= 0, "must be a number from 0");
    private readonly Option<double?> _l2 = Options.Number("--l2", "The weight of half the squares of the matrices in the loss. The default is 0.", weight => weight >= 0, "must be a number from 0");
    private readonly Option<double?> _layerDecay = Options.Number("--layer-decay", "What the learning rate of a block is that of the block above times. The default is 1.", decay => decay is > 0 and <= 1, "must be a number above 0 and at most 1");
    private readonly Option<string[]> _freeze = new("--freeze") { Description = "Parameters that are not trained, such as 'blocks.0.*'; may be given several times.", HelpName = "PATTERN" };
    private readonly Option<double?> _ema = Share("--ema", "Evaluate and save an exponential moving average of the weights with this decay, such as 0.999.");
    private readonly Option<int?> _swa = Options.Positive("--swa", "Evaluate and save the mean of the weights from this step on.");
    private readonly Option<int?> _plateau = Options.NotNegative("--plateau", "Halve the learning rate after more than so many evaluations without a lower loss.");
    private readonly Option<bool> _gradientNoise = new("--gradient-noise") { Description = "Estimate the gradient's noise scale in tokens, a guide to the batch size; takes --accumulate of 2 or more." };

    public IEnumerable<Option> All =>
    [
        _optimizer, _weightDecay, _beta1, _beta2, _epsilon, _momentum, _nesterov, _clipNorm, _clipValue, _l1, _l2, _layerDecay, _freeze, _ema, _swa, _plateau, _gradientNoise,
    ];

    /// <summary>The learning rate that suits the optimizer where <paramref name="adamW"/> suits AdamW.</summary>
    public double DefaultLearningRate(ParseResult parsed, double adamW) => Chosen(parsed) switch
    {
        SgdOptions => 0.1,
        AdagradOptions or AdafactorOptions => 1e-2,
        LionOptions => adamW / 5,
        _ => adamW,
    };

    /// <summary>Sets the optimizer and all that changes its updates.</summary>
    /// <exception cref="UsageException">Options do not fit together.</exception>
    public TrainingOptions Apply(ParseResult parsed, TrainingOptions options)
    {
        var faults = new List<string>();
        var unused = new List<Option>(new Option[] { _weightDecay, _beta1, _beta2, _epsilon, _momentum, _nesterov }.Where(option => parsed.GetResult(option) is { Implicit: false }));
        IOptimizerOptions optimizer = Chosen(parsed) switch
        {
            AdamOptions o => o with { Beta1 = Take(_beta1, o.Beta1), Beta2 = Take(_beta2, o.Beta2), Epsilon = Take(_epsilon, o.Epsilon), WeightDecay = Take(_weightDecay, o.WeightDecay) },
            AdamaxOptions o => o with { Beta1 = Take(_beta1, o.Beta1), Beta2 = Take(_beta2, o.Beta2), Epsilon = Take(_epsilon, o.Epsilon), WeightDecay = Take(_weightDecay, o.WeightDecay) },
            AdamW8BitOptions o => o with { Beta1 = Take(_beta1, o.Beta1), Beta2 = Take(_beta2, o.Beta2), Epsilon = Take(_epsilon, o.Epsilon), WeightDecay = Take(_weightDecay, o.WeightDecay) },
            AdamWOptions o => o with { Beta1 = Take(_beta1, o.Beta1), Beta2 = Take(_beta2, o.Beta2), Epsilon = Take(_epsilon, o.Epsilon), WeightDecay = Take(_weightDecay, o.WeightDecay) },
            LambOptions o => o with { Beta1 = Take(_beta1, o.Beta1), Beta2 = Take(_beta2, o.Beta2), Epsilon = Take(_epsilon, o.Epsilon), WeightDecay = Take(_weightDecay, o.WeightDecay) },
            LionOptions o => o with { Beta1 = Take(_beta1, o.Beta1), Beta2 = Take(_beta2, o.Beta2), WeightDecay = Take(_weightDecay, o.WeightDecay) },
            SgdOptions o => o with { Momentum = Take(_momentum, o.Momentum), Nesterov = TakeFlag(_nesterov, o.Nesterov), WeightDecay = Take(_weightDecay, o.WeightDecay) },
            RmsPropOptions o => o with { Momentum = Take(_momentum, o.Momentum), Epsilon = Take(_epsilon, o.Epsilon), WeightDecay = Take(_weightDecay, o.WeightDecay) },
            AdagradOptions o => o with { Epsilon = Take(_epsilon, o.Epsilon), WeightDecay = Take(_weightDecay, o.WeightDecay) },
            AdafactorOptions o => o with { Beta1 = Take(_beta1, o.Beta1), WeightDecay = Take(_weightDecay, o.WeightDecay) },
            MuonOptions o => o with
            {
                Momentum = Take(_momentum, o.Momentum),
                WeightDecay = Take(_weightDecay, o.WeightDecay),
                Rest = o.Rest with { Beta1 = Take(_beta1, o.Rest.Beta1), Beta2 = Take(_beta2, o.Rest.Beta2), Epsilon = Take(_epsilon, o.Rest.Epsilon), WeightDecay = Take(_weightDecay, o.Rest.WeightDecay) },
            },
            var other => other,
        };
        faults.AddRange(unused.Select(option => $"{option.Name} does not belong to --optimizer {optimizer.Name}."));
        faults.AddRange(optimizer.Faults());
        if (parsed.GetValue(_ema) is not null && parsed.GetValue(_swa) is not null) faults.Add("--ema and --swa exclude each other: both are the average that is saved.");
        if (parsed.GetValue(_swa) > options.Steps) faults.Add($"--swa ({parsed.GetValue(_swa)}) must be at most --steps ({options.Steps}).");
        if (parsed.GetValue(_plateau) is not null && options.EvaluateEvery == 0) faults.Add("--plateau needs evaluations: --evaluate-every must not be 0.");
        if (parsed.GetValue(_gradientNoise) && options.AccumulationSteps < 2) faults.Add($"--gradient-noise compares micro-batches: --accumulate ({options.AccumulationSteps}) must be at least 2.");
        if (faults.Count > 0) throw new UsageException(string.Join(Environment.NewLine, faults));

        // AdamW is what a training does anyway, and its run is the same whether it is named or not.
        options = optimizer is AdamWOptions adam
            ? options with { Beta1 = adam.Beta1, Beta2 = adam.Beta2, Epsilon = adam.Epsilon, WeightDecay = adam.WeightDecay }
            : options with { Optimizer = optimizer };
        return options with
        {
            ClipNorm = parsed.GetValue(_clipNorm) ?? options.ClipNorm,
            Update = new UpdateOptions
            {
                ClipValue = parsed.GetValue(_clipValue) ?? 0,
                L1Penalty = parsed.GetValue(_l1) ?? 0,
                L2Penalty = parsed.GetValue(_l2) ?? 0,
                LayerDecay = parsed.GetValue(_layerDecay) ?? 1,
                Rules = [.. (parsed.GetValue(_freeze) ?? []).Select(pattern => new ParameterRule { Pattern = pattern, Frozen = true })],
            },
            Average = parsed.GetValue(_ema) is { } decay ? new WeightAverageOptions { Decay = decay }
                : parsed.GetValue(_swa) is { } start ? new WeightAverageOptions { Kind = WeightAverageKind.Equal, StartStep = start } : null,
            Plateau = parsed.GetValue(_plateau) is { } patience ? new PlateauOptions { Patience = patience } : null,
            MeasureGradientNoise = parsed.GetValue(_gradientNoise),
        };

        double Take(Option<double?> option, double usual)
        {
            unused.Remove(option);
            return parsed.GetValue(option) ?? usual;
        }

        bool TakeFlag(Option<bool> option, bool usual)
        {
            unused.Remove(option);
            return parsed.GetValue(option) || usual;
        }
    }

    /// <summary>The values of a training; null for what does not belong to its optimizer.</summary>
    public IEnumerable<(Option, JsonNode?)> Effective(TrainingOptions options)
    {
        IOptimizerOptions optimizer = options.Optimizer
            ?? new AdamWOptions { Beta1 = options.Beta1, Beta2 = options.Beta2, Epsilon = options.Epsilon, WeightDecay = options.WeightDecay };
        JsonObject values = optimizer.Describe(), moments = values["rest"] as JsonObject ?? values;   // what Muon leaves to AdamW
        UpdateOptions update = options.Update;
        return
        [
            (_optimizer, optimizer.Name), (_weightDecay, values["weightDecay"]), (_beta1, moments["beta1"]), (_beta2, moments["beta2"]), (_epsilon, moments["epsilon"]),
            (_momentum, values["momentum"]), (_nesterov, optimizer is SgdOptions { Nesterov: true }), (_clipNorm, options.ClipNorm), (_clipValue, update.ClipValue),
            (_l1, update.L1Penalty), (_l2, update.L2Penalty), (_layerDecay, update.LayerDecay),
        ];
    }

    private IOptimizerOptions Chosen(ParseResult parsed) => s_optimizers[parsed.GetValue(_optimizer) ?? 0];

    private static Option<double?> Share(string name, string description) => Options.Number(name, description, share => share is >= 0 and < 1, "must be a number from 0 to below 1");
}
