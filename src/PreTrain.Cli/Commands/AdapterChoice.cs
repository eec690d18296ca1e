using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Cli.Hosting;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using PreTrain.Objectives;
using PreTrain.Quantization;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;

namespace PreTrain.Cli.Commands;

/// <summary>The options that say what is trained beside a model instead of its weights, and what the run leaves of it.</summary>
internal sealed class AdapterChoice
{
    // What each takes; the rates of small models are higher, as without an adapter.
    private static readonly (string Word, AdapterWay Way, int? Size, double Rate, double SmallRate)[] s_ways =
    [
        ("lora", AdapterWay.Lora, null, 3e-4, 2e-3),                                         // Hu et al. 2021, appendix D
        ("dora", AdapterWay.Dora, null, 3e-4, 2e-3),
        ("hira", AdapterWay.Hira, null, 3e-4, 2e-3),
        ("ia3", AdapterWay.Ia3, null, 3e-3, 3e-3),                                           // Liu et al. 2022, section 3.5
        ("bottleneck", AdapterWay.Bottleneck, new BottleneckOptions().Width, 3e-4, 1e-3),    // Houlsby et al. 2019, section 3.1
        ("prefix", AdapterWay.Prefix, new PrefixOptions().Length, 1e-2, 1e-2),
        ("prompt", AdapterWay.Prompt, new PromptOptions().Length, 3e-2, 3e-2),
        ("bitfit", AdapterWay.Bias, null, 1e-3, 1e-3),                                       // Ben Zaken et al. 2022, section 4
    ];

    private static readonly (string Word, QuantizationScheme Value)[] s_schemes = [("nf4", QuantizationScheme.NormalFloat4), ("int4", QuantizationScheme.Int4Weights), ("int8", QuantizationScheme.Int8Weights)];

    private readonly Option<AdapterWay?> _way = Options.Choice("--adapter",
        "What is trained beside the model instead of its weights: low-rank updates (dora: with lengths of their own; hira: as factors of the weights), factors of activations, small layers behind the sub-layers, keys and values before every text, virtual tokens, or the biases alone. With --lora-rank it is lora.",
        [.. s_ways.Select(way => (way.Word, way.Way))]);
    private readonly Option<int?> _rank = Options.Positive("--lora-rank", $"lora, dora and hira: the rank of the updates. The default is {new LoraOptions().Rank}.");
    private readonly Option<double?> _alpha = Options.Number("--lora-alpha", "lora, dora and hira: the scale of the updates times their rank; of hira, how fast they learn. The default is twice the rank.", alpha => alpha > 0, "must be a positive number");
    private readonly Option<double?> _dropout = Options.Number("--lora-dropout", "lora, dora and hira: the share of what the updates read that is dropped. The default is 0.", share => share is >= 0 and < 1, "must be a number from 0 to below 1");
    private readonly Option<string[]> _targets = new("--lora-targets") { Description = "lora, dora and hira: the linear maps that are updated, by patterns with *, such as *query *value. The default is all of the blocks, and the one before a task's head.", HelpName = "PATTERN", AllowMultipleArgumentsPerToken = true, Arity = ArgumentArity.OneOrMore };
    private readonly Option<AdapterStart?> _start = Options.Choice("--lora-start", "lora, dora and hira: where the updates start to look, in random directions or in those in which the loss of the first batches falls fastest, which learns more in as many steps. The default is random.",
        ("random", AdapterStart.Random), ("gradient", AdapterStart.Gradient));
    private readonly Option<int?> _size = Options.Positive("--adapter-size", $"The width of small layers ({new BottleneckOptions().Width}), or the number of virtual tokens of prefix and prompt ({new PrefixOptions().Length}).");
    private readonly Option<QuantizationScheme?> _base = Options.Choice("--quantize-base", "lora, dora and hira: the model's weights in few bits while the updates are trained, for models that would not fit (QLoRA). What is saved is merged into the weights as they were.", s_schemes);

    /// <summary>All options.</summary>
    public IEnumerable<Option> All => [_way, _rank, _alpha, _dropout, _targets, _start, _size, _base];

    /// <summary>Whether an adapter is trained.</summary>
    public bool IsGiven(ParseResult parsed) => WayOf(parsed) is not null;

    /// <summary>Requires the options to fit together.</summary>
    /// <exception cref="UsageException">They do not.</exception>
    public void Check(ParseResult parsed)
    {
        AdapterWay? way = WayOf(parsed);
        if (!IsUpdates(way) && Given(parsed, _rank, _alpha, _dropout, _targets, _start, _base) is { Length: > 0 } updates)
            throw new UsageException($"{updates} belong{(updates.Contains(' ') ? "" : "s")} to --adapter lora, dora or hira.");
        if (parsed.GetValue(_start) == AdapterStart.Gradient && parsed.GetValue(_base) is not null)
            throw new UsageException("--lora-start gradient needs the gradient of weights, which those of --quantize-base have not. Leave one of them out.");
        if (parsed.GetValue(_size) is not null && (way is null || Row(way.Value).Size is null)) throw new UsageException("--adapter-size belongs to --adapter bottleneck, prefix or prompt.");
    }

    /// <summary>The learning rate where none is given.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="whole">That of all weights.</param>
    /// <param name="isSmall">Whether the model is.</param>
    public double RateOf(ParseResult parsed, double whole, bool isSmall = false) => WayOf(parsed) is not { } way ? whole : isSmall ? Row(way).SmallRate : Row(way).Rate;

    /// <summary>How the help writes the rates.</summary>
    /// <param name="whole">That of all weights.</param>
    public static string RateText(string whole) => FormattableString.Invariant($"{whole}, and with --adapter {string.Join(", ", s_ways.GroupBy(way => way.Rate).Select(same => $"{same.Key:0.####} ({string.Join(", ", same.Select(way => way.Word))})"))}");

    /// <summary>Values of options that are not what was given.</summary>
    public IEnumerable<(Option, JsonNode?)> Effective(ParseResult parsed)
    {
        if (WayOf(parsed) is not { } way) return [];
        bool updates = IsUpdates(way);
        return
        [
            (_way, Row(way).Word), (_rank, updates ? RankOf(parsed) : null), (_alpha, updates ? parsed.GetValue(_alpha) ?? 2 * RankOf(parsed) : null),
            (_start, updates ? parsed.GetValue(_start) == AdapterStart.Gradient ? "gradient" : "random" : null), (_size, parsed.GetValue(_size) ?? Row(way).Size),
            (_base, parsed.GetValue(_base) is { } scheme ? s_schemes.Single(known => known.Value == scheme).Word : null),
        ];
    }

    /// <summary>Where a model is loaded: with --quantize-base the weights that will be in few bits never come to the device that computes as they are.</summary>
    public torch.Device HomeOf(ParseResult parsed, torch.Device device) => parsed.GetValue(_base) is null ? device : torch.CPU;

    /// <summary>Adapts a model that was just loaded where <see cref="HomeOf"/> says; null where its weights are trained.</summary>
    public IAdapter? Adapt(ParseResult parsed, Session session, ITransformerModel model, torch.Device device)
    {
        if (WayOf(parsed) is not { } way) return null;
        if (parsed.GetValue(_base) is { } scheme)
        {
            var module = (torch.nn.Module)model;
            IReadOnlyList<string> fresh = LoadedWeights.Of(model)?.NewParameters ?? [];
            // What is trained as a whole stays as it is.
            string[] heads = [.. module.named_modules().Where(part => part.module is Projection && (part.name.Contains("classifier", StringComparison.Ordinal) || fresh.Contains(part.name + ".weight"))).Select(part => part.name)];
            QuantizationResult result = Quantizer.Quantize(model, new QuantizationOptions { Scheme = scheme, Skip = heads });
            module.to(device);
            session.Log(string.Create(CultureInfo.InvariantCulture, $"The model's linear maps take {result.BytesAfter:N0} bytes instead of {result.BytesBefore:N0} while it is trained."));
        }
        using torch.Generator generator = new RandomStreams(new RandomStreams(session.Seed).SeedOf("init")).CreateGenerator("init");   // not what the head was drawn from
        int size = parsed.GetValue(_size) ?? Row(way).Size ?? 0;
        IAdapter adapter = way switch
        {
            AdapterWay.Ia3 => new Ia3Adapter(model),
            AdapterWay.Bottleneck => new BottleneckAdapter(model, new() { Width = size }, generator),
            AdapterWay.Prefix => new PrefixTuning(model, new() { Length = size }, generator),
            AdapterWay.Prompt => new PromptTuning(model, new() { Length = size }, generator),
            AdapterWay.Bias => new BitFit(model),
            _ => new LoraAdapter(model, Updates(parsed, way), generator: generator),
        };
        session.Log(string.Create(CultureInfo.InvariantCulture, $"An adapter ({Row(way).Word}) of {adapter.ParameterCount:N0} values is trained; the model's {((torch.nn.Module)model).parameters().Sum(p => p.numel()):N0} stay as they are."));
        return adapter;
    }

    /// <summary>Requires that the updates start in random directions.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="why">What is trained, of which no gradient is known beforehand.</param>
    /// <exception cref="UsageException">They do not.</exception>
    public void RequireRandomStart(ParseResult parsed, string why)
    {
        if (parsed.GetValue(_start) == AdapterStart.Gradient) throw new UsageException($"{_start.Name} gradient does not go with {why}.");
    }

    /// <summary>Starts the updates where the options say.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="session">The call of the tool.</param>
    /// <param name="adapter">The adapter; null where the weights are trained.</param>
    /// <param name="objective">What is learned.</param>
    /// <param name="training">The run.</param>
    public void Align<TModel>(ParseResult parsed, Session session, IAdapter? adapter, IObjective<TModel> objective, TrainingOptions training) where TModel : class
    {
        if (adapter is LoraAdapter updates && parsed.GetValue(_start) == AdapterStart.Gradient) updates.AlignToGradient(objective, training.BatchSize, seed: session.Seed);
    }

    /// <summary>
    /// Writes the whole model of a run that trained an adapter beside the adapter itself: with it in the weights as <see cref="ModelFolder.Merged"/>, or as it was but for new heads, as
    /// <see cref="ModelFolder.Base"/>, where the adapter is no change of weights.
    /// </summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="adapter">The adapter; null where the weights were trained, and the run's model is whole.</param>
    /// <param name="training">The run.</param>
    /// <param name="result">What it came to.</param>
    /// <param name="reload">Loads the model as it was, where <see cref="HomeOf"/> says.</param>
    /// <param name="save">Saves the model into a folder with all that belongs to it, but for its tokenizer.</param>
    public void Finish(ParseResult parsed, IAdapter? adapter, TrainingOptions training, TrainingResult result, Func<ITransformerModel> reload, Action<ITransformerModel, string> save)
    {
        if (adapter is null) return;
        LoadSaved(adapter, training, result);
        if (parsed.GetValue(_base) is not null)
        {
            using ITransformerModel model = reload();
            AdapterFolder.Merge(model, (result.ModelFolder, 1));
            Write(model, ModelFolder.Merged);
        }
        else if (adapter.CanMerge)
        {
            adapter.Merge();
            Write(adapter.Model, ModelFolder.Merged);
        }
        else
        {
            // Norms and heads beside the adapter were trained in place, and are its own.
            using ITransformerModel model = reload();
            CopyNew(adapter.Model, model);
            Write(model, ModelFolder.Base);
        }

        void Write(ITransformerModel model, string name) => AtomicFolder.Write(Path.Combine(training.Output, name), parts =>
        {
            save(model, parts);
            training.Tokenizer?.Save(parts);
        });
    }

    /// <summary>Whether the updates drop some of what they read.</summary>
    public bool DropsOut(ParseResult parsed) => parsed.GetValue(_dropout) > 0;

    /// <summary>Whether what was trained is not what is saved: the updates beside weights of few bits are merged into those as they were.</summary>
    public bool SavesOtherWeights(ParseResult parsed) => parsed.GetValue(_base) is not null;

    /// <summary>What deletes the whole model of a run before, as soon as this one begins: it would be taken for what this one learns.</summary>
    public static FormerFolders Former(TrainingOptions training) =>
        new(training, ModelFolder.HoldsAdapter(training.Output) ? [ModelFolder.Merged, ModelFolder.Base] : []);   // before the run that is replaced is gone

    /// <summary>Gives an adapter or a model the values of what was saved, which may be the best or an average, and not the last.</summary>
    public static void LoadSaved(IPretrainedModel weights, TrainingOptions training, TrainingResult result)
    {
        if (result.ModelStep != result.Steps || training.Average is { Save: true }) weights.LoadPretrained(result.ModelFolder);
    }

    /// <summary>Gives a model the heads that another one has and their folder lacked.</summary>
    private static void CopyNew(ITransformerModel from, ITransformerModel to)
    {
        using IDisposable mode = torch.no_grad();
        Dictionary<string, torch.Tensor> trained = ((torch.nn.Module)from).named_parameters().ToDictionary(p => p.name, p => (torch.Tensor)p.parameter);
        HashSet<string> fresh = [.. LoadedWeights.Of(to)!.NewParameters];
        foreach (var (name, parameter) in ((torch.nn.Module)to).named_parameters().Where(p => fresh.Contains(p.name))) parameter.copy_(trained[name]);
    }

    private LoraOptions Updates(ParseResult parsed, AdapterWay way)
    {
        int rank = RankOf(parsed);
        var options = new LoraOptions { Rank = rank, Alpha = parsed.GetValue(_alpha) ?? 2 * rank, Dropout = parsed.GetValue(_dropout) ?? 0, IsWeightDecomposed = way == AdapterWay.Dora, IsHadamard = way == AdapterWay.Hira };
        return parsed.GetValue(_targets) is { Length: > 0 } targets ? options with { Targets = targets } : options;
    }

    private AdapterWay? WayOf(ParseResult parsed) => parsed.GetValue(_way) ?? (parsed.GetValue(_rank) is null ? null : AdapterWay.Lora);

    private static bool IsUpdates(AdapterWay? way) => way is AdapterWay.Lora or AdapterWay.Dora or AdapterWay.Hira;

    private int RankOf(ParseResult parsed) => parsed.GetValue(_rank) ?? new LoraOptions().Rank;

    private static (string Word, AdapterWay Way, int? Size, double Rate, double SmallRate) Row(AdapterWay way) => s_ways.Single(row => row.Way == way);

    private static string Given(ParseResult parsed, params Option[] options) => string.Join(", ", options.Where(option => parsed.GetResult(option) is { Implicit: false }).Select(option => option.Name));
}
