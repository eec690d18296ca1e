// P virtual tokens, V vocabulary, C embedding
using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Models;
using PreTrain.Modules;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>
/// Virtual tokens before every sequence, whose embeddings alone are trained (Lester, Al-Rfou and Constant 2021, section 2). Objectives, evaluation and generation see the model as before, with a context that is as
/// much shorter. Saved as the library PEFT does it; they are no change of weights and cannot be merged.
/// </summary>
/// <remarks>As in PEFT, a classifier that pools the first token of a sequence pools the first virtual one.</remarks>
public sealed class PromptTuning : IAdapter
{
    private readonly IVirtualTokens _taking;
    private readonly SoftPrompt _prompt;
    private readonly FrozenBase _base;
    private bool _disposed;

    /// <summary>Puts virtual tokens before a model's sequences.</summary>
    /// <param name="model">A GPT-2, Llama or one of its relatives without a window, or BERT.</param>
    /// <param name="options">How many, and how they begin; null for the usual.</param>
    /// <param name="generator">Where initial tokens are drawn from; torch's default generator if null.</param>
    /// <exception cref="ArgumentException">An option is out of range or leaves no context; the model takes no virtual tokens, or has some already.</exception>
    public PromptTuning(ITransformerModel model, PromptOptions? options = null, Generator? generator = null)
    {
        options ??= new();
        options.Validate();
        (_taking, nn.Module module) = VirtualTokenFolder.Require(model, options.Length);
        if (_taking.Prompt is not null) throw new ArgumentException("The model has a prompt already; dispose it first.", nameof(model));
        (Model, Options) = (model, options);
        long vocabulary = _taking.TokenTable.size(0);
        if (options.InitialTokens?.Any(id => id < 0 || id >= vocabulary) ?? false) throw new ArgumentException($"{nameof(options.InitialTokens)} ({string.Join(", ", options.InitialTokens)}) must be from 0 to {vocabulary - 1}.", nameof(options));
        _base = new FrozenBase(module, options.Trained);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        Tensor ids = options.InitialTokens is { } initial
            ? tensor([.. Enumerable.Range(0, options.Length).Select(p => (long)initial[p % initial.Count])])
            : randint(0, vocabulary, [options.Length], dtype: ScalarType.Int64, generator: generator);
        _prompt = new SoftPrompt(_taking.TokenTable.index_select(0, ids.to(model.Device)));
        _taking.Prompt = _prompt;
    }

    /// <inheritdoc/>
    public ITransformerModel Model { get; }

    /// <summary>How many virtual tokens there are, and how they began.</summary>
    public PromptOptions Options { get; }

    /// <inheritdoc/>
    public AdapterKind Kind => AdapterKind.Prompt;

    /// <inheritdoc/>
    public bool CanMerge => false;

    /// <inheritdoc/>
    public bool IsMerged => false;

    /// <inheritdoc/>
    public long ParameterCount => _prompt.embeddings.numel() + _base.Trained.Values.Sum(p => p.numel());

    /// <summary>Adapts a model by what <see cref="SavePretrained"/> or PEFT wrote.</summary>
    /// <param name="model">The model that it was trained on.</param>
    /// <param name="folder">Holds <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>.</param>
    /// <exception cref="CheckpointException">A file is missing or damaged, or the adapter is for another model; all misfits are named together.</exception>
    /// <exception cref="ArgumentException">The model takes no virtual tokens, or has some already.</exception>
    public static PromptTuning FromPretrained(ITransformerModel model, string folder)
    {
        var (length, trained) = VirtualTokenFolder.Read(model, folder, "PROMPT_TUNING", "a PromptTuning", (model as IVirtualTokens)?.TokenTable.size(1) ?? 0);
        return AdapterFolder.Load(new PromptTuning(model, new PromptOptions { Length = length, Trained = trained }), folder, adapter => adapter.Tensors());
    }

    /// <inheritdoc/>
    public void Merge() => throw new InvalidOperationException("Virtual tokens are no change of weights and cannot be merged. Keep the adapter beside the model.");

    /// <inheritdoc/>
    public void Unmerge() => throw new InvalidOperationException("The virtual tokens are not merged.");

    /// <inheritdoc/>
    public IReadOnlyCollection<Parameter> SavedParameters => [.. Tensors().SelectMany(tensor => tensor.Parameters)];

    /// <inheritdoc/>
    public JsonObject ToConfigJson() => new() { ["base"] = Model.ToConfigJson(), [AdapterFiles.BaseName] = _base.Fingerprint, ["adapter"] = Config() };

    /// <inheritdoc/>
    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null) => AdapterFiles.Write(folder, Config(), Tensors(), weights, _base.FingerprintOf(IsMerged));

    /// <inheritdoc/>
    public void LoadPretrained(string folder) => AdapterFiles.Read(folder, Tensors());

    /// <summary>Takes the virtual tokens away. The model's parameters can be trained again.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        if (ReferenceEquals(_taking.Prompt, _prompt)) _taking.Prompt = null;
        _prompt.Dispose();
        _base.Dispose();
    }

    private JsonObject Config()
    {
        JsonObject config = VirtualTokenFolder.Config("PROMPT_TUNING", Model, _prompt.Length, _prompt.embeddings.size(1), _base.Trained.Keys);
        config["prompt_tuning_init"] = "RANDOM";
        return config;
    }

    private IEnumerable<AdapterTensor> Tensors()
    {
        string ours = ((nn.Module)Model).named_parameters().First(p => p.parameter.Handle == _prompt.embeddings.Handle).name;
        return AdapterFiles.Whole(Model, _base.Trained, AdapterFiles.PromptPrefix).Prepend(AdapterTensor.Of(ours, VirtualTokenFolder.TensorName, _prompt.embeddings));
    }
}
