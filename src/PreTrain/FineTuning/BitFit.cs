using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Models;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>
/// The biases of a model, which alone are trained (Ben Zaken et al. 2022, section 3). They are trained in place, and saved apart from the model; <see cref="Merge"/> lets them stay when this is disposed, which
/// gives the model its former ones back otherwise.
/// </summary>
/// <remarks>PEFT has no such adapters: the folder has its two files, with <c>peft_type</c> BITFIT, and is read by this library.</remarks>
public sealed class BitFit : IAdapter
{
    private readonly Dictionary<string, (Parameter Value, Tensor Former)> _biases = [];
    private readonly FrozenBase _base;
    private bool _disposed;

    /// <summary>Freezes all but the biases.</summary>
    /// <param name="model">A model of any family that has some.</param>
    /// <param name="options">Which; null for all of them.</param>
    /// <exception cref="ArgumentException">A pattern fits nothing.</exception>
    public BitFit(ITransformerModel model, BitFitOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        options ??= new();
        nn.Module module = model as nn.Module ?? throw new ArgumentException("The model must be a module of torch.", nameof(model));
        (Model, Options) = (model, options);
        var patterns = new NamePatterns(options.Parameters);
        var trained = new NamePatterns(options.Trained);
        patterns.RequireAll(nameof(options.Parameters), "parameter", module.named_parameters().Select(p => p.name));
        using (NewDisposeScope())
        {
            foreach (var (path, parameter) in module.named_parameters())
            {
                if (patterns.Fits(path) && !trained.Fits(path)) _biases.Add(path, (parameter, parameter.detach().clone().DetachFromDisposeScope()));
            }
        }
        if (_biases.Count == 0) throw new ArgumentException($"{nameof(options.Parameters)} ({string.Join(", ", options.Parameters)}) names nothing beside {nameof(options.Trained)}.", nameof(options));
        _base = new FrozenBase(module, [.. options.Trained, .. _biases.Keys]);
    }

    /// <inheritdoc/>
    public ITransformerModel Model { get; }

    /// <summary>Which parameters are trained.</summary>
    public BitFitOptions Options { get; }

    /// <inheritdoc/>
    public AdapterKind Kind => AdapterKind.Bias;

    /// <inheritdoc/>
    public bool CanMerge => true;

    /// <inheritdoc/>
    public bool IsMerged { get; private set; }

    /// <inheritdoc/>
    public long ParameterCount => _base.Trained.Values.Sum(p => p.numel());

    /// <summary>Adapts a model by what <see cref="SavePretrained"/> wrote.</summary>
    /// <param name="model">The model that it was trained on.</param>
    /// <param name="folder">Holds <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>.</param>
    /// <exception cref="CheckpointException">A file is missing or damaged, or the adapter is for another model; all misfits are named together.</exception>
    public static BitFit FromPretrained(ITransformerModel model, string folder)
    {
        ArgumentNullException.ThrowIfNull(model);
        var (_, reader, path) = AdapterFiles.ReadConfig(folder);
        reader.Require("peft_type", "BITFIT", "a BitFit", "BITFIT");
        Dictionary<string, string> ours = AdapterFiles.NamesOf(model).ToDictionary(n => n.Value, n => n.Key);
        string[] theirs = reader.Texts("parameters") ?? [], missing = [.. theirs.Where(name => !ours.ContainsKey(name))];
        if (theirs.Length == 0) reader.Fault("parameters names none.");
        if (missing.Length > 0) reader.Fault($"parameters names {string.Join(", ", missing)}, which this model has not; the adapter is for another one.");
        string[] saved = AdapterFiles.SavedOf(AdapterFiles.NamesOf(model), reader, folder, AdapterFiles.Prefix);
        reader.Finish(() => { });
        return AdapterFolder.Load(new BitFit(model, new BitFitOptions { Parameters = [.. theirs.Select(name => ours[name])], Trained = saved }), folder, adapter => adapter.Tensors());
    }

    /// <inheritdoc/>
    public void Merge()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        IsMerged = !IsMerged ? true : throw new InvalidOperationException("The biases are merged already.");
    }

    /// <inheritdoc/>
    public void Unmerge()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        IsMerged = IsMerged ? false : throw new InvalidOperationException("The biases are not merged.");
    }

    /// <inheritdoc/>
    public IReadOnlyCollection<Parameter> SavedParameters => [.. Tensors().SelectMany(tensor => tensor.Parameters)];

    /// <inheritdoc/>
    public JsonObject ToConfigJson() => new() { ["base"] = Model.ToConfigJson(), [AdapterFiles.BaseName] = _base.Fingerprint, ["adapter"] = Config() };

    /// <inheritdoc/>
    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null) => AdapterFiles.Write(folder, Config(), Tensors(), weights, _base.FingerprintOf(IsMerged));

    /// <inheritdoc/>
    public void LoadPretrained(string folder) => AdapterFiles.Read(folder, Tensors());

    /// <summary>Gives the model its former biases back, if they were not merged. The model's parameters can be trained again.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        using (no_grad())
        {
            foreach (var (value, former) in _biases.Values)
            {
                if (!IsMerged && !value.IsInvalid) value.copy_(former);
                former.Dispose();
            }
        }
        _base.Dispose();
    }

    private JsonObject Config()
    {
        Dictionary<string, string> names = AdapterFiles.NamesOf(Model);
        return new JsonObject
        {
            ["peft_type"] = "BITFIT",
            ["base_model_name_or_path"] = null,
            ["parameters"] = new JsonArray([.. _biases.Keys.Select(path => JsonValue.Create(names.GetValueOrDefault(path, path)))]),
            ["modules_to_save"] = AdapterFiles.ModulesToSave(names, _base.Trained.Keys.Where(path => !_biases.ContainsKey(path))),
        };
    }

    private IEnumerable<AdapterTensor> Tensors() => AdapterFiles.Whole(Model, _base.Trained, AdapterFiles.Prefix);
}
