using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using PreTrain.Cli.Hosting;
using PreTrain.Compression;
using PreTrain.Modules.Quantized;
using PreTrain.Quantization;

namespace PreTrain.Cli.Commands;

/// <summary>The options that say how weights and activations are quantized.</summary>
internal sealed class QuantizeChoice
{
    private readonly Option<QuantizationScheme?> _scheme = Options.Choice("--scheme",
        "int8: weights and activations in 8 bits, the fastest; int8-static: the same on grids that --data decide on; int8-weights; int4: weights in 4 bits, the smallest; nf4: 4 bits as a normal distribution has them, for LoRA. The default is what --method is for, else int8.",
        ("int8", QuantizationScheme.Int8Dynamic), ("int8-static", QuantizationScheme.Int8Static), ("int8-weights", QuantizationScheme.Int8Weights), ("int4", QuantizationScheme.Int4Weights), ("nf4", QuantizationScheme.NormalFloat4));
    private readonly Option<string?> _method = Options.Word("--method",
        "rtn rounds each weight to the nearest; gptq keeps what the maps compute from --data; awq scales and clips weights by --data first (int4); smoothquant moves large inputs into weights first (int8); static is --scheme int8-static, nf4 is --scheme nf4. The default is rtn.",
        ["rtn", "nearest", "gptq", "awq", "smoothquant", "static", "nf4"]);
    private readonly Option<QuantizationGranularity?> _granularity = Options.Choice("--granularity", "int8: weights that share a scale, those of a matrix, an output or a group. The default is channel.",
        ("tensor", QuantizationGranularity.Tensor), ("channel", QuantizationGranularity.Channel), ("group", QuantizationGranularity.Group));
    private readonly Option<int?> _groupSize = Options.Positive("--group-size", $"int4 and --granularity group: weights that share a scale, 32, 64 or 128. The default is {new QuantizationOptions().GroupSize}.");
    private readonly Option<bool> _symmetric = new("--symmetric") { Description = "int4: scales without zero points." };
    private readonly Option<bool> _halfScales = new("--half-scales") { Description = "Scales of 16 bits instead of 32." };
    private readonly Option<bool> _wideScales = new("--wide-scales") { Description = "nf4: scales of 32 bits instead of 8." };
    private readonly Option<bool> _tiedHead = new("--tied-head") { Description = "Quantizes a head that is the token embedding too, as a copy: faster when tokens are written." };
    private readonly Option<string[]> _skip = new("--skip") { Description = "Linear maps that stay as they are, by patterns with *, such as *classifier*.", HelpName = "PATTERN", AllowMultipleArgumentsPerToken = true, Arity = ArgumentArity.OneOrMore };
    private readonly Option<ActivationRange?> _range = Options.Choice("--calibration-method", "int8-static: how far the grids of activations reach: to the largest that --data give, so far that few lie beyond, or where the errors are least. The default is min-max.",
        ("min-max", ActivationRange.MinMax), ("percentile", ActivationRange.Percentile), ("mse", ActivationRange.MeanSquare));
    private readonly Option<double?> _percentile = Options.Number("--percentile", $"--calibration-method percentile: the percentage of values within, on each side. The default is {new ActivationOptions().Percentile.ToString(CultureInfo.InvariantCulture)}.", value => value is > 50 and <= 100, "must be above 50 and at most 100");
    private readonly Option<bool> _symmetricActivations = new("--symmetric-activations") { Description = "int8-static: grids around 0." };
    private readonly Option<double?> _strength = Options.Number("--alpha", $"smoothquant: how much of the inputs' unevenness goes to the weights. The default is {new SmoothingOptions().Strength.ToString(CultureInfo.InvariantCulture)}.", value => value is >= 0 and <= 1, "must be from 0 to 1");
    private readonly Option<double?> _budget = new("--budget")
    {
        Description = "The most that the weights of all linear maps may take, in bytes, or as a percentage of what they take now: each gets 4, 8 or 32 bits by what it costs in loss on --data.",
        HelpName = "BYTES|PERCENT%",
        CustomParser = Budget,
    };

    /// <summary>All options.</summary>
    public IEnumerable<Option> All => [_scheme, _method, _granularity, _groupSize, _symmetric, _halfScales, _wideScales, _tiedHead, _skip, _range, _percentile, _symmetricActivations, _strength, _budget];

    /// <summary>How the codes are chosen: rtn, gptq, awq or smoothquant.</summary>
    public string Method { get; private set; } = "";

    /// <summary>Whether text is read.</summary>
    public bool NeedsData => Stage.NeedsCalibration || BudgetOrNull is not null;

    /// <summary>What is done.</summary>
    public QuantizeStage Stage { get; private set; } = new();

    /// <summary>A number of bytes, or less than 0 a part of what there is; null where bits are not mixed.</summary>
    public double? BudgetOrNull { get; private set; }

    /// <summary>Reads the options.</summary>
    /// <exception cref="UsageException">They do not fit together.</exception>
    public void Read(ParseResult parsed)
    {
        string method = parsed.GetValue(_method) ?? "rtn";
        QuantizationScheme? given = parsed.GetValue(_scheme), implied = method switch
        {
            "static" => QuantizationScheme.Int8Static,
            "nf4" => QuantizationScheme.NormalFloat4,
            _ => null,
        };
        if (given is not null && implied is not null && given != implied) throw new UsageException($"--method {method} goes with no other --scheme.");
        QuantizationScheme scheme = given ?? implied ?? (method == "awq" ? QuantizationScheme.Int4Weights : QuantizationScheme.Int8Dynamic);
        Method = method is "gptq" or "awq" or "smoothquant" ? method : "rtn";
        if (Method == "smoothquant" && scheme is not (QuantizationScheme.Int8Dynamic or QuantizationScheme.Int8Static)) throw new UsageException("--method smoothquant goes with --scheme int8 or int8-static, whose activations are rounded.");
        if (Method is "gptq" or "awq" && scheme == QuantizationScheme.Int8Static) throw new UsageException($"--method {Method} does not go with --scheme int8-static; take smoothquant or static.");
        bool isStatic = scheme == QuantizationScheme.Int8Static;
        BudgetOrNull = parsed.GetValue(_budget);
        if (BudgetOrNull is not null && (given is not null || Method != "rtn" || implied is not null || parsed.GetValue(_tiedHead))) throw new UsageException("--budget chooses between int4, int8-weights and 32 bits by itself, to the nearest; leave out --scheme, --method and --tied-head.");
        // What --budget chooses from has the details of int4.
        var rules = new QuantizeRules(Method, BudgetOrNull is null ? scheme : QuantizationScheme.Int4Weights, parsed.GetValue(_granularity), parsed.GetValue(_range));
        foreach (Option option in All.Where(option => QuantizeRules.Keys.Contains(option.Name[2..]) && parsed.GetResult(option) is { Implicit: false }))
        {
            if (rules.Missing(option.Name[2..], "--") is { } missing) throw new UsageException($"{option.Name} goes with {missing}.");
        }
        var quantization = new QuantizationOptions
        {
            Scheme = scheme,
            Granularity = parsed.GetValue(_granularity),
            GroupSize = parsed.GetValue(_groupSize) ?? new QuantizationOptions().GroupSize,
            IsSymmetric = parsed.GetValue(_symmetric),
            HasHalfScales = parsed.GetValue(_halfScales),
            HasDoubleScales = !parsed.GetValue(_wideScales),
            HasQuantizedTiedHead = parsed.GetValue(_tiedHead),
            Skip = parsed.GetValue(_skip) ?? [],
        };
        var activations = new ActivationOptions { Range = parsed.GetValue(_range) ?? ActivationRange.MinMax, Percentile = parsed.GetValue(_percentile) ?? new ActivationOptions().Percentile, IsSymmetric = parsed.GetValue(_symmetricActivations) };
        Stage = new QuantizeStage
        {
            Quantization = quantization,
            Gptq = Method == "gptq" ? new() : null,
            Awq = Method == "awq" ? new() : null,
            Smoothing = Method == "smoothquant" ? new() { Strength = parsed.GetValue(_strength) ?? new SmoothingOptions().Strength } : null,
            Activations = isStatic ? activations : null,
        };
    }

    private static double? Budget(ArgumentResult result)
    {
        string text = result.Tokens[^1].Value;
        bool isPart = text.EndsWith('%');
        if (double.TryParse(isPart ? text[..^1] : text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value) && value > 0 && (!isPart || value <= 100)) return isPart ? -value / 100 : value;
        result.AddError($"--budget ({text}) must be a positive number of bytes, or a percentage of at most 100 with a % behind it.");
        return null;
    }
}
