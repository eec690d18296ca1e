using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Models;
using PreTrain.Modules;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>
/// Factors that keys, values and the insides of feed-forward layers are multiplied with, and which alone are trained (Liu et al. 2022, "(IA)³", section 3.3). They are one at first, so that nothing changes.
/// Saved as the library PEFT does it, or merged into the weights.
/// </summary>
public sealed class Ia3Adapter : IAdapter
{
    private readonly nn.Module _model;
    private readonly List<(string Path, Projection Map)> _maps = [];
    private readonly FrozenBase _base;
    private readonly List<(Tensor Target, Tensor Value)> _unmerged = [];
    private bool _disposed;

    /// <summary>Adapts a model.</summary>
    /// <param name="model">A model of any family.</param>
    /// <param name="options">Which maps are adapted; null for the usual ones.</param>
    /// <exception cref="ArgumentException">A pattern fits nothing; a map has factors of both kinds; the model has linear maps that something else has replaced, or is quantized.</exception>
    public Ia3Adapter(ITransformerModel model, Ia3Options? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        options ??= new();
        (Model, _model, Options) = (model, model as nn.Module ?? throw new ArgumentException("The model must be a module of torch.", nameof(model)), options);
        List<(string Path, Projection Map)> outputs = options.Outputs is { Count: 0 } ? [] : AdapterTargets.SelectOrDefault(_model, nameof(options.Outputs), options.Outputs, ["*blocks.*key", "*blocks.*value", "*blocks.*qkv"]);
        List<(string Path, Projection Map)> inputs = options.Inputs is { Count: 0 } ? [] : AdapterTargets.SelectOrDefault(_model, nameof(options.Inputs), options.Inputs, ["*blocks.*feed_forward_output", "*blocks.*down"]);
        if (outputs.Select(m => m.Path).Intersect(inputs.Select(m => m.Path)).FirstOrDefault() is { } twice)
            throw new ArgumentException($"The linear map '{twice}' is named by {nameof(options.Outputs)} and by {nameof(options.Inputs)}; it can have factors of one kind.", nameof(options));
        if (outputs.Count + inputs.Count == 0) throw new ArgumentException($"{nameof(options.Outputs)} and {nameof(options.Inputs)} are empty; there is nothing to train.", nameof(options));
        _maps = [.. outputs, .. inputs];
        _base = new FrozenBase(_model, options.Trained, path => _maps.Exists(m => path.StartsWith(m.Path + ".", StringComparison.Ordinal)));
        foreach (var (path, map) in _maps) map.Transform = new Ia3Transform(map, inputs.Exists(m => m.Path == path));
        _model.train(_model.training);
    }

    /// <inheritdoc/>
    public ITransformerModel Model { get; }

    /// <summary>Which maps are adapted.</summary>
    public Ia3Options Options { get; }

    /// <inheritdoc/>
    public AdapterKind Kind => AdapterKind.Ia3;

    /// <inheritdoc/>
    public bool CanMerge => true;

    /// <inheritdoc/>
    public bool IsMerged => _unmerged.Count > 0;

    /// <inheritdoc/>
    public long ParameterCount => _maps.Sum(m => TransformOf(m.Map).factors.numel()) + _base.Trained.Values.Sum(p => p.numel());

    /// <summary>Adapts a model by what <see cref="SavePretrained"/> or PEFT wrote.</summary>
    /// <param name="model">The model that it was trained on.</param>
    /// <param name="folder">Holds <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>.</param>
    /// <exception cref="CheckpointException">A file is missing or damaged, or the adapter is for another model; all misfits are named together.</exception>
    public static Ia3Adapter FromPretrained(ITransformerModel model, string folder)
    {
        ArgumentNullException.ThrowIfNull(model);
        var (json, reader, path) = AdapterFiles.ReadConfig(folder);
        reader.Require("peft_type", "IA3", "an Ia3Adapter", "IA3");
        Dictionary<string, string> names = AdapterFiles.NamesOf(model);
        string[] all = AdapterFiles.MapsOf(names, reader.Texts("target_modules")), inner = [.. AdapterFiles.MapsOf(names, reader.Texts("feedforward_modules")).Intersect(all)];
        var options = new Ia3Options { Outputs = [.. all.Except(inner)], Inputs = inner, Trained = AdapterFiles.SavedOf(names, reader, folder, AdapterFiles.Prefix) };
        reader.Finish(() => { });
        if (all.Length == 0) throw new CheckpointException(path, $"target_modules {json["target_modules"]?.ToJsonString() ?? "(missing)"} name no linear map of this model; the adapter is for another one.");
        return AdapterFolder.Load(new Ia3Adapter(model, options), folder, adapter => adapter.Tensors());
    }

    /// <inheritdoc/>
    public void Merge()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (IsMerged) throw new InvalidOperationException("The factors are merged already.");
        using IDisposable mode = no_grad();
        foreach (var (_, map) in _maps)
        {
            using DisposeScope scope = NewDisposeScope();
            Ia3Transform transform = TransformOf(map);
            Multiply(scope, map.weight, transform.OfInputs ? transform.factors : transform.factors.unsqueeze(1));
            if (!transform.OfInputs && map.bias is { } bias) Multiply(scope, bias, transform.factors);
            transform.IsActive = false;
        }

        void Multiply(DisposeScope scope, Tensor target, Tensor factors)
        {
            _unmerged.Add((target, scope.Detach(target.detach().clone())));
            target.mul_(factors);
        }
    }

    /// <inheritdoc/>
    public void Unmerge()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (!IsMerged) throw new InvalidOperationException("The factors are not merged.");
        using IDisposable mode = no_grad();
        foreach (var (target, value) in _unmerged)
        {
            target.copy_(value);
            value.Dispose();
        }
        _unmerged.Clear();
        foreach (var (_, map) in _maps) TransformOf(map).IsActive = true;
    }

    /// <inheritdoc/>
    public IReadOnlyCollection<Parameter> SavedParameters => [.. Tensors().SelectMany(tensor => tensor.Parameters)];

    /// <inheritdoc/>
    public JsonObject ToConfigJson() => new() { ["base"] = Model.ToConfigJson(), [AdapterFiles.BaseName] = _base.Fingerprint, ["adapter"] = Config() };

    /// <inheritdoc/>
    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null) => AdapterFiles.Write(folder, Config(), Tensors(), weights, _base.FingerprintOf(IsMerged));

    /// <inheritdoc/>
    public void LoadPretrained(string folder) => AdapterFiles.Read(folder, Tensors());

    /// <summary>Takes the factors away, leaving the weights as they are: merged, if they were, and then for good. The model's parameters can be trained again.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        foreach (var (_, value) in _unmerged) value.Dispose();
        foreach (var (_, map) in _maps)
        {
            if (map.Transform is not Ia3Transform transform) continue;
            map.Transform = null;
            transform.Dispose();
        }
        _base.Dispose();
    }

    private JsonObject Config()
    {
        Dictionary<string, string> names = AdapterFiles.NamesOf(Model);
        JsonArray Modules(Func<Ia3Transform, bool> chosen) => new([.. _maps.Where(m => chosen(TransformOf(m.Map))).Select(m => JsonValue.Create(AdapterFiles.ModuleOf(names, m.Path)))]);
        return new JsonObject
        {
            ["peft_type"] = "IA3",
            ["task_type"] = null,
            ["base_model_name_or_path"] = null,
            ["inference_mode"] = true,
            ["fan_in_fan_out"] = Model is IWeightNames known && known.Weights.Any(row => row.Transposed),
            ["init_ia3_weights"] = true,
            ["target_modules"] = Modules(_ => true),
            ["feedforward_modules"] = Modules(transform => transform.OfInputs),
            ["modules_to_save"] = AdapterFiles.ModulesToSave(names, _base.Trained.Keys),
        };
    }

    private IEnumerable<AdapterTensor> Tensors()
    {
        Dictionary<string, string> names = AdapterFiles.NamesOf(Model);
        foreach (var (path, map) in _maps)
        {
            Ia3Transform transform = TransformOf(map);
            long count = transform.factors.numel();
            yield return AdapterTensor.Of($"{path}.transform.factors", $"{AdapterFiles.Prefix}{AdapterFiles.ModuleOf(names, path)}.ia3_l", transform.factors, transform.OfInputs ? [1, count] : [count, 1]);
        }
        foreach (AdapterTensor whole in AdapterFiles.Whole(Model, _base.Trained, AdapterFiles.Prefix)) yield return whole;
    }

    private static Ia3Transform TransformOf(Projection map) => (Ia3Transform)map.Transform!;
}
