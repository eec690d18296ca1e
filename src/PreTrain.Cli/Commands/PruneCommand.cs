using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Cli.Hosting;
using PreTrain.Models;
using PreTrain.Pruning;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain prune</c>: takes heads, neurons and layers out of a model, and sets weights of what is left to zero.</summary>
internal sealed class PruneCommand
{
    private const int DefaultSamples = 128;

    private readonly Option<string?> _model = Options.Text("--model", "DIR", ModelFolder.Description, required: true);
    private readonly Option<string?> _output = Options.Text("--output", "DIR", "The folder for the pruned model; not with --scan.");
    private readonly Option<PruningMethod?> _method = Options.Choice("--method", "How it is told which weights become zero. The default is magnitude; wanda and sparsegpt need --data.",
        ("magnitude", PruningMethod.Magnitude), ("wanda", PruningMethod.Wanda), ("sparsegpt", PruningMethod.SparseGpt));
    private readonly Option<double?> _sparsity = Part("--sparsity", "The part of the weights that becomes zero. The default is 0.5 with --method, and else 0.");
    private readonly Option<string?> _pattern = Options.Text("--pattern", "N:M", "Of each M successive inputs, N weights stay, as in 2:4.");
    private readonly Option<PruningScope?> _scope = Options.Choice("--scope", "Which weights are compared with each other. The default is output for wanda and map for the others.",
        ("map", PruningScope.Map), ("output", PruningScope.Output), ("model", PruningScope.Model));
    private readonly Option<string[]> _targets = new("--targets")
    {
        Description = "Patterns of the linear maps whose weights become zero. The default is all maps of the blocks, *blocks.*.",
        HelpName = "PATTERN",
        AllowMultipleArgumentsPerToken = true,
    };
    private readonly Option<double?> _heads = Part("--heads", "The part of the attention heads that is taken out of each layer. The default is 0.");
    private readonly Option<double?> _neurons = Part("--neurons", "The part of the feed-forward neurons that is taken out of each layer. The default is 0.");
    private readonly Option<int?> _layers = Options.NotNegative("--layers", "The number of layers that are taken out, not of those that stay. The default is 0.");
    private readonly Option<int?> _decoderLayers = Options.NotNegative("--decoder-layers", "The number of the decoder's layers that are taken out of a model with an encoder too. The default is 0.");
    private readonly Option<UnitImportance?> _importance = Options.Choice("--importance", "How it is told which heads, neurons and layers. The default is magnitude; the others need --data.",
        ("magnitude", UnitImportance.Magnitude), ("activation", UnitImportance.Activation), ("taylor", UnitImportance.Taylor));
    private readonly Option<string[]> _data = CorpusOption.Create(required: false);
    private readonly Option<int?> _samples = Options.Positive("--samples", $"The texts of --data that are read, or pieces of them as long as the context. The default is {DefaultSamples}.");

    private readonly Option<bool> _overwrite = ExportCommand.OverwriteOption();

    private readonly SensitivityChoice _scan = new();

    public static void AddTo(Command root, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var options = new PruneCommand();
        var command = new Command("prune", "Makes a model smaller (--heads, --neurons, --layers), and sparse (--method, --sparsity, --pattern).")
        {
            options._model, options._output, options._method, options._sparsity, options._pattern, options._scope, options._targets, options._heads, options._neurons, options._layers, options._decoderLayers,
            options._importance, options._data, options._samples, options._overwrite,
        };
        foreach (Option option in options._scan.All) command.Options.Add(option);
        add(root, command, options.Run);
    }

    private static Option<double?> Part(string name, string description) => Options.Number(name, description, value => value >= 0 && value < 1, "must be at least 0 and below 1");

    private void Run(ParseResult parsed, Session session)
    {
        string folder = parsed.GetRequiredValue(_model)!;
        if (_scan.IsWanted(parsed, [_output, _method, _sparsity, _pattern, _scope, _heads, _neurons, _layers, _decoderLayers, _importance, _overwrite]))
        {
            if (parsed.GetValue(_data) is not { Length: > 0 } text) throw new UsageException("--scan needs --data: the text on which the model's loss is measured.");
            _scan.Run(parsed, session, folder, CorpusOption.Open(text), parsed.GetValue(_samples) ?? DefaultSamples, parsed.GetValue(_targets) is { Length: > 0 } maps ? maps : null);
            return;
        }
        string output = parsed.GetValue(_output) ?? throw new UsageException("--output is missing: the folder for the pruned model.");
        PruningOptions? weights = WeightsOf(parsed);
        StructuredPruningOptions? structure = StructureOf(parsed);
        if (weights is null && structure is null) throw new UsageException("Nothing is to be pruned: give --method, --sparsity or --pattern, or one of --heads, --neurons, --layers and --decoder-layers.");
        bool needsData = weights is { Method: not PruningMethod.Magnitude } || structure is { Importance: not UnitImportance.Magnitude };
        string[] data = parsed.GetValue(_data) ?? [];
        if (needsData && data.Length == 0) throw new UsageException("--data must be given: what --method and --importance ask for is seen while the model reads.");
        string[] unused = needsData ? [] : [.. new[] { (data.Length > 0, "--data"), (parsed.GetValue(_samples) is not null, "--samples") }.Where(option => option.Item1).Select(option => option.Item2)];
        if (unused.Length > 0) throw new UsageException($"{string.Join(" and ", unused)} {(unused.Length == 1 ? "is" : "are")} of no effect with magnitude; leave {(unused.Length == 1 ? "it" : "them")} out, or choose another --method or --importance.");
        ModelFolder.RequireWhole(folder);
        string source = ModelFolder.Resolve(folder);
        RequireOutput(source, output, parsed.GetValue(_overwrite));

        Device device = session.Start();
        using DisposeScope scope = NewDisposeScope();
        using ITransformerModel loaded = ModelFolder.LoadModel(session, folder, device);
        CalibrationText? texts = needsData ? new CalibrationText(session, folder, loaded, CorpusOption.Open(data), parsed.GetValue(_samples) ?? DefaultSamples) : null;
        long before = Count(loaded);
        using StructuredPruningResult? smaller = structure is null ? null : CorpusOption.Calibrate(data, () => StructuredPruner.Prune(loaded, structure, texts?.Inputs, input => texts!.Loss(input), session.Cancellation));
        session.Cancellation.ThrowIfCancellationRequested();
        ITransformerModel model = smaller?.Model ?? loaded;
        SparsityReport report = weights is null ? SparsityReport.Of(model) : CorpusOption.Calibrate(data, () => Pruner.Prune(model, weights, texts?.Inputs, session.Cancellation));
        session.Cancellation.ThrowIfCancellationRequested();
        AtomicFolder.Write(output, beside =>
        {
            model.SavePretrained(beside);
            CheckpointConverter.CopyCompanions(source, beside);
        });
        Report(session, output, before, Count(model), smaller, report);
    }

    private PruningOptions? WeightsOf(ParseResult parsed)
    {
        PruningMethod? method = parsed.GetValue(_method);
        double? sparsity = parsed.GetValue(_sparsity);
        string? text = parsed.GetValue(_pattern);
        string[] targets = parsed.GetValue(_targets) ?? [];
        PruningScope? scope = parsed.GetValue(_scope);
        if (method is null && sparsity is null && text is null)
        {
            return targets.Length == 0 && scope is null ? null : throw new UsageException("--targets and --scope are of no effect without --method, --sparsity or --pattern.");
        }
        if (sparsity is not null && text is not null) throw new UsageException($"--sparsity and --pattern ({text}) exclude each other: the pattern says how many weights stay.");
        var options = new PruningOptions { Method = method ?? PruningMethod.Magnitude, Sparsity = sparsity ?? 0.5, Scope = scope };
        if (targets.Length > 0) options = options with { Targets = targets };
        if (text is null) return options;
        try
        {
            return options with { Pattern = SparsityPattern.Parse(text) };
        }
        catch (FormatException)
        {
            throw new UsageException($"--pattern ({text}) must be N:M with 0 < N < M, such as 2:4.");
        }
    }

    private StructuredPruningOptions? StructureOf(ParseResult parsed)
    {
        var options = new StructuredPruningOptions
        {
            Importance = parsed.GetValue(_importance) ?? UnitImportance.Magnitude,
            HeadSparsity = parsed.GetValue(_heads) ?? 0,
            NeuronSparsity = parsed.GetValue(_neurons) ?? 0,
            RemovedLayers = parsed.GetValue(_layers) ?? 0,
            RemovedDecoderLayers = parsed.GetValue(_decoderLayers) ?? 0,
        };
        if (options is not { HeadSparsity: 0, NeuronSparsity: 0, RemovedLayers: 0, RemovedDecoderLayers: 0 }) return options;
        return parsed.GetValue(_importance) is null ? null : throw new UsageException("--importance is of no effect without --heads, --neurons, --layers or --decoder-layers.");
    }

    /// <summary>Nothing but a model is replaced, on request, and not the one that is read. The folder above is made.</summary>
    internal static void RequireOutput(string source, string output, bool overwrites)
    {
        string target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(output)) + Path.DirectorySeparatorChar;
        if ((Path.GetFullPath(source) + Path.DirectorySeparatorChar).StartsWith(target, StringComparison.Ordinal))
            throw new UsageException($"--output ({output}) must be another folder than that of the model.");
        if (File.Exists(output) || (Directory.Exists(output) && Directory.EnumerateFileSystemEntries(output).Any() && !(File.Exists(Path.Combine(output, "config.json")) && CheckpointTensors.Exists(output))))
            throw new UsageException($"--output ({output}) exists and is not the folder of a model; take another one.");
        if (!overwrites && Directory.Exists(output) && Directory.EnumerateFileSystemEntries(output).Any())
            throw new UsageException($"--output ({output}) is there already; give --overwrite to replace it, or another name.");
        OutputPath.MakeParent(output);
    }

    private static long Count(ITransformerModel model) => ((nn.Module)model).parameters().Sum(p => p.numel());

    private static void Report(Session session, string output, long before, long after, StructuredPruningResult? smaller, SparsityReport report) => session.Result(json =>
    {
        json.WriteString("output", output);
        json.WriteNumber("parametersBefore", before);
        json.WriteNumber("parametersAfter", after);
        foreach (var (name, value) in report.ToJson()) Write(name, value);
        JsonObject? structure = smaller?.ToJson();
        foreach (string name in new[] { "layers", "heads", "neurons" }) Write(name, structure?[name]);

        void Write(string name, JsonNode? value)
        {
            json.WritePropertyName(name);
            if (value is null) json.WriteNullValue();
            else value.WriteTo(json);
        }
    }, text =>
    {
        int width = report.Maps.Max(m => m.Name.Length);
        foreach (MapSparsity map in report.Maps) text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{map.Name.PadRight(width)}  {map.Outputs,6} x {map.Inputs,-6} {100 * map.Sparsity,6:F2} % zero"));
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{before:N0} parameters before, {after:N0} now, of which {report.Zeros:N0} in {report.Maps.Count} maps are zero ({100 * report.Sparsity:F2} %)"));
        text.WriteLine(output);
    });
}
