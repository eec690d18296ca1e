// P virtual tokens, L layers, G key-value heads, D width of a head
using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Models;
using PreTrain.Modules;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>
/// Keys and values that every token of every sequence sees, in every block, and which alone are trained (Li and Liang 2021, section 4.2; without the map of section 4.3, which is left out when training is over).
/// Tokens stand at positions behind them. Saved as the library PEFT does it; they are no change of weights and cannot be merged.
/// </summary>
public sealed class PrefixTuning : IAdapter
{
    private readonly IVirtualTokens _taking;
    private readonly nn.Module _module;
    private readonly AttentionPrefix[] _prefixes;
    private readonly FrozenBase _base;
    private bool _disposed;

    /// <summary>Puts a prefix before a model's sequences.</summary>
    /// <param name="model">A GPT-2, Llama or one of its relatives without a window, or BERT.</param>
    /// <param name="options">How long; null for the usual.</param>
    /// <param name="generator">Where initial values are drawn from; torch's default generator if null.</param>
    /// <exception cref="ArgumentException">An option is out of range or leaves no context; the model takes no virtual tokens, or has a prefix already.</exception>
    public PrefixTuning(ITransformerModel model, PrefixOptions? options = null, Generator? generator = null)
    {
        options ??= new();
        options.Validate();
        (_taking, _module) = VirtualTokenFolder.Require(model, options.Length);
        if (_taking.PrefixedBlocks.Any(block => block.Prefix is not null)) throw new ArgumentException("The model has a prefix already; dispose it first.", nameof(model));
        (Model, Options) = (model, options);
        _base = new FrozenBase(_module, options.Trained);
        _prefixes = [.. _taking.PrefixedBlocks.Select(_ => new AttentionPrefix(options.Length, Width(_taking), options.InitialDeviation, model.Device, generator))];
        for (int layer = 0; layer < _prefixes.Length; layer++) _taking.PrefixedBlocks[layer].Prefix = _prefixes[layer];
    }

    /// <inheritdoc/>
    public ITransformerModel Model { get; }

    /// <summary>How long the prefix is.</summary>
    public PrefixOptions Options { get; }

    /// <inheritdoc/>
    public AdapterKind Kind => AdapterKind.Prefix;

    /// <inheritdoc/>
    public bool CanMerge => false;

    /// <inheritdoc/>
    public bool IsMerged => false;

    /// <inheritdoc/>
    public long ParameterCount => _prefixes.Sum(p => p.keys.numel() + p.values.numel()) + _base.Trained.Values.Sum(p => p.numel());

    /// <summary>Adapts a model by what <see cref="SavePretrained"/> or PEFT wrote.</summary>
    /// <param name="model">The model that it was trained on.</param>
    /// <param name="folder">Holds <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>.</param>
    /// <exception cref="CheckpointException">A file is missing or damaged, or the adapter is for another model; all misfits are named together.</exception>
    /// <exception cref="ArgumentException">The model takes no virtual tokens, or has a prefix already.</exception>
    public static PrefixTuning FromPretrained(ITransformerModel model, string folder)
    {
        var (length, trained) = VirtualTokenFolder.Read(model, folder, "PREFIX_TUNING", "a PrefixTuning", model is IVirtualTokens taking ? Width(taking) : 0);
        return AdapterFolder.Load(new PrefixTuning(model, new PrefixOptions { Length = length, Trained = trained }), folder, adapter => adapter.Tensors());
    }

    /// <inheritdoc/>
    public void Merge() => throw new InvalidOperationException("A prefix is no change of weights and cannot be merged. Keep the adapter beside the model.");

    /// <inheritdoc/>
    public void Unmerge() => throw new InvalidOperationException("The prefix is not merged.");

    /// <inheritdoc/>
    public IReadOnlyCollection<Parameter> SavedParameters => [.. Tensors().SelectMany(tensor => tensor.Parameters)];

    /// <inheritdoc/>
    public JsonObject ToConfigJson() => new() { ["base"] = Model.ToConfigJson(), [AdapterFiles.BaseName] = _base.Fingerprint, ["adapter"] = Config() };

    /// <inheritdoc/>
    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null) => AdapterFiles.Write(folder, Config(), Tensors(), weights, _base.FingerprintOf(IsMerged));

    /// <inheritdoc/>
    public void LoadPretrained(string folder) => AdapterFiles.Read(folder, Tensors());

    /// <summary>Takes the prefix away. The model's parameters can be trained again.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        for (int layer = 0; layer < _prefixes.Length; layer++)
        {
            if (ReferenceEquals(_taking.PrefixedBlocks[layer].Prefix, _prefixes[layer])) _taking.PrefixedBlocks[layer].Prefix = null;
            _prefixes[layer].Dispose();
        }
        _base.Dispose();
    }

    private static long Width(IVirtualTokens model) => (long)model.KeyValueHeadCount * model.KeyValueHeadDim;

    private JsonObject Config()
    {
        JsonObject config = VirtualTokenFolder.Config("PREFIX_TUNING", Model, _prefixes[0].Length, Width(_taking), _base.Trained.Keys);
        config["encoder_hidden_size"] = Width(_taking);
        config["prefix_projection"] = false;
        return config;
    }

    /// <summary>All keys and values side by side, (P, L·2·G·D): of each layer the keys, then the values.</summary>
    private IEnumerable<AdapterTensor> Tensors()
    {
        Dictionary<nint, string> names = _module.named_parameters().ToDictionary(p => p.parameter.Handle, p => p.name);
        TorchSharp.Modules.Parameter[] parts = [.. _prefixes.SelectMany(p => new[] { p.keys, p.values })];
        long width = Width(_taking);
        var all = new AdapterTensor(VirtualTokenFolder.TensorName, [_prefixes[0].Length, parts.Length * width], parts,
            weights => cat([.. parts.Select(p => weights?.GetValueOrDefault(names[p.Handle]) ?? p)], 1),
            given =>
            {
                for (int i = 0; i < parts.Length; i++) parts[i].copy_(given.narrow(1, i * width, width));
            });
        return AdapterFiles.Whole(Model, _base.Trained, AdapterFiles.PromptPrefix).Prepend(all);
    }
}
