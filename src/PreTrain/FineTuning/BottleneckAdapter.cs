using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Models;
using PreTrain.Modules;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>
/// Small layers behind the sub-layers of each block, before the residual sum, which alone are trained (Houlsby et al. 2019, section 2; Pfeiffer et al. 2020). They are no change of weights and cannot be merged.
/// </summary>
/// <remarks>
/// PEFT has no such adapters: the folder has its two files, with <c>peft_type</c> BOTTLENECK, and is read by this library. In training, dropout comes behind the layers; with
/// <see cref="AdapterPlacement.Pfeiffer"/> the layer reads what the feed-forward layer gives, not yet normalized.
/// </remarks>
public sealed class BottleneckAdapter : IAdapter
{
    private static readonly string[] s_behindAttention = ["*blocks.*attention_output", "*blocks.*cross_output"], s_behindFeedForward = ["*blocks.*feed_forward_output", "*blocks.*down"];
    private readonly List<(string Path, Projection Map)> _maps;
    private readonly FrozenBase _base;
    private bool _disposed;

    /// <summary>Adapts a model. Its results stay what they are until the layers are trained.</summary>
    /// <param name="model">A model of any family.</param>
    /// <param name="options">Width, and where; null for the usual.</param>
    /// <param name="generator">Where the first maps are drawn from; torch's default generator if null.</param>
    /// <exception cref="ArgumentException">An option is out of range; a pattern fits nothing; the model has linear maps that something else has replaced, or is quantized.</exception>
    public BottleneckAdapter(ITransformerModel model, BottleneckOptions? options = null, Generator? generator = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        options ??= new();
        options.Validate();
        nn.Module module = model as nn.Module ?? throw new ArgumentException("The model must be a module of torch.", nameof(model));
        (Model, Options) = (model, options);
        string[] usual = options.Placement == AdapterPlacement.Houlsby ? [.. s_behindAttention, .. s_behindFeedForward] : s_behindFeedForward;
        _maps = AdapterTargets.SelectOrDefault(module, nameof(options.Targets), options.Targets, usual);
        _base = new FrozenBase(module, options.Trained, path => _maps.Exists(m => path.StartsWith(m.Path + ".", StringComparison.Ordinal)));
        foreach (var (_, map) in _maps) map.Transform = new BottleneckTransform(map, options, generator);
        module.train(module.training);
    }

    /// <inheritdoc/>
    public ITransformerModel Model { get; }

    /// <summary>Width, and where.</summary>
    public BottleneckOptions Options { get; }

    /// <inheritdoc/>
    public AdapterKind Kind => AdapterKind.Bottleneck;

    /// <inheritdoc/>
    public bool CanMerge => false;

    /// <inheritdoc/>
    public bool IsMerged => false;

    /// <summary>The names of the maps behind which there is a layer.</summary>
    public IReadOnlyList<string> Targets => [.. _maps.Select(m => m.Path)];

    /// <inheritdoc/>
    public long ParameterCount => _maps.Sum(m => m.Map.Transform!.parameters().Sum(p => p.numel())) + _base.Trained.Values.Sum(p => p.numel());

    /// <summary>Adapts a model by what <see cref="SavePretrained"/> wrote.</summary>
    /// <param name="model">The model that it was trained on.</param>
    /// <param name="folder">Holds <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>.</param>
    /// <exception cref="CheckpointException">A file is missing or damaged, or the adapter is for another model; all misfits are named together.</exception>
    public static BottleneckAdapter FromPretrained(ITransformerModel model, string folder)
    {
        ArgumentNullException.ThrowIfNull(model);
        var (json, reader, path) = AdapterFiles.ReadConfig(folder);
        reader.Require("peft_type", "BOTTLENECK", "a BottleneckAdapter", "BOTTLENECK");
        Dictionary<string, string> names = AdapterFiles.NamesOf(model);
        string[] targets = AdapterFiles.MapsOf(names, reader.Texts("target_modules"));
        var options = new BottleneckOptions
        {
            Width = reader.Whole("bottleneck_dim", 64),
            Activation = reader.ActivationOf("activation", "gelu"),
            Placement = reader.Text("placement", "houlsby") == "pfeiffer" ? AdapterPlacement.Pfeiffer : AdapterPlacement.Houlsby,
            Targets = targets,
            Trained = AdapterFiles.SavedOf(names, reader, folder, AdapterFiles.Prefix),
        };
        if (targets.Length == 0) throw new CheckpointException(path, $"target_modules {json["target_modules"]?.ToJsonString() ?? "(missing)"} name no linear map of this model; the adapter is for another one.");
        reader.Finish(options.Validate);
        return AdapterFolder.Load(new BottleneckAdapter(model, options), folder, adapter => adapter.Tensors());
    }

    /// <inheritdoc/>
    public void Merge() => throw new InvalidOperationException("Layers behind sub-layers are no change of weights and cannot be merged. Keep the adapter beside the model.");

    /// <inheritdoc/>
    public void Unmerge() => throw new InvalidOperationException("The layers are not merged.");

    /// <inheritdoc/>
    public IReadOnlyCollection<Parameter> SavedParameters => [.. Tensors().SelectMany(tensor => tensor.Parameters)];

    /// <inheritdoc/>
    public JsonObject ToConfigJson() => new() { ["base"] = Model.ToConfigJson(), [AdapterFiles.BaseName] = _base.Fingerprint, ["adapter"] = Config() };

    /// <inheritdoc/>
    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null) => AdapterFiles.Write(folder, Config(), Tensors(), weights, _base.FingerprintOf(IsMerged));

    /// <inheritdoc/>
    public void LoadPretrained(string folder) => AdapterFiles.Read(folder, Tensors());

    /// <summary>Takes the layers away. Norms and heads that were trained along stay what they have become; the model's parameters can be trained again.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        foreach (var (_, map) in _maps)
        {
            if (map.Transform is not BottleneckTransform transform) continue;
            map.Transform = null;
            transform.Dispose();
        }
        _base.Dispose();
    }

    private JsonObject Config()
    {
        Dictionary<string, string> names = AdapterFiles.NamesOf(Model);
        return new JsonObject
        {
            ["peft_type"] = "BOTTLENECK",
            ["base_model_name_or_path"] = null,
            ["bottleneck_dim"] = Options.Width,
            ["activation"] = Activations.NameOf(Options.Activation),
            ["placement"] = Options.Placement == AdapterPlacement.Pfeiffer ? "pfeiffer" : "houlsby",
            ["target_modules"] = new JsonArray([.. _maps.Select(m => JsonValue.Create(AdapterFiles.ModuleOf(names, m.Path)))]),
            ["modules_to_save"] = AdapterFiles.ModulesToSave(names, _base.Trained.Keys),
        };
    }

    private IEnumerable<AdapterTensor> Tensors()
    {
        Dictionary<string, string> names = AdapterFiles.NamesOf(Model);
        foreach (var (path, map) in _maps)
        {
            var transform = (BottleneckTransform)map.Transform!;
            string theirs = AdapterFiles.Prefix + AdapterFiles.ModuleOf(names, path);
            yield return AdapterTensor.Of($"{path}.transform.down", $"{theirs}.adapter_down.weight", transform.down);
            yield return AdapterTensor.Of($"{path}.transform.down_bias", $"{theirs}.adapter_down.bias", transform.down_bias);
            yield return AdapterTensor.Of($"{path}.transform.up", $"{theirs}.adapter_up.weight", transform.up);
            yield return AdapterTensor.Of($"{path}.transform.up_bias", $"{theirs}.adapter_up.bias", transform.up_bias);
        }
        foreach (AdapterTensor whole in AdapterFiles.Whole(Model, _base.Trained, AdapterFiles.Prefix)) yield return whole;
    }
}
