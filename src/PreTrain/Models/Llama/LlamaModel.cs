// Llama: "Open and Efficient Foundation Language Models" (Touvron et al. 2023), Mistral, Qwen2 and Qwen3; references in PyTorch are
// transformers' models/llama/modeling_llama.py and its siblings.
// B sequences, T tokens of the longest, N rows (the tokens that are there), C embedding, V vocabulary
//
//   ids ─► token embedding ─► x ──┬─► norm ─► attention ──► + ──┬─► norm ─► gated feed-forward ─► + ─► … ─► norm ─► head
//                                 └──────── residual ───────┘   └──────────── residual ───────────┘
using System.Text.Json.Nodes;
using PreTrain.Modules;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Models.Llama;

/// <summary>A decoder with rotary positions, shared key-value heads and gated feed-forward layers. Padding is not computed.</summary>
public sealed class LlamaModel : nn.Module, ICausalLanguageModel, ITransformerModel, IWeightNames, IGgufSource, IVirtualTokens
{
    internal readonly Parameter token_embedding;
    internal readonly ModuleList<LlamaBlock> blocks;
    internal readonly RmsNorm final_norm;
    internal readonly Projection? head, classifier;
    internal readonly TiedHead? token_head;
    private readonly RotaryTable _rotary;
    private readonly AttentionMask _mask;
    private SoftPrompt? _prompt;

    /// <summary>Creates a model with initial values.</summary>
    /// <param name="config">The architecture.</param>
    /// <param name="head">What is computed from the last hidden states.</param>
    /// <param name="generator">Where initial values are drawn from; torch's default generator if null.</param>
    /// <exception cref="ArgumentException">The architecture is not valid, or Llama has no such head.</exception>
    public LlamaModel(LlamaConfig config, ModelHead head = ModelHead.CausalLanguageModel, Generator? generator = null) : this(config, head, initialize: true, generator)
    {
    }

    internal LlamaModel(LlamaConfig config, ModelHead head, bool initialize, Generator? generator = null) : base(nameof(LlamaModel))
    {
        config.Validate();
        var known = LlamaWeights.Architectures(config.Variant);
        if (known.All(a => a.Head != head)) throw new ArgumentException($"A LlamaModel has no head {head}; it has {string.Join(", ", known.Select(a => a.Head))}.", nameof(head));
        (Config, Head) = (config, head);
        token_embedding = new Parameter(empty([config.VocabSize, config.EmbeddingDim], dtype: ScalarType.Float32));
        blocks = new ModuleList<LlamaBlock>([.. Enumerable.Range(0, config.LayerCount).Select(_ => new LlamaBlock(config))]);
        final_norm = new RmsNorm(config.EmbeddingDim, config.NormEpsilon);
        if (head == ModelHead.CausalLanguageModel && config.IsHeadTied) token_head = new TiedHead(() => token_embedding);
        if (head == ModelHead.CausalLanguageModel && !config.IsHeadTied) this.head = new Projection(config.EmbeddingDim, config.VocabSize, hasBias: false);
        if (head == ModelHead.SequenceClassification) classifier = new Projection(config.EmbeddingDim, config.LabelCount, hasBias: false);
        RegisterComponents();
        _rotary = new RotaryTable(config.HeadDim, config.RotaryBase, config.RotaryScaling);
        _mask = config.SlidingWindow == 0 ? AttentionMask.Causal : AttentionMask.CausalWindow(config.SlidingWindow);
        if (initialize) Initialize(_ => true, generator);
    }

    /// <summary>The architecture.</summary>
    public LlamaConfig Config { get; }

    /// <inheritdoc/>
    public string ModelType => LlamaWeights.ModelType(Config.Variant);

    /// <inheritdoc/>
    public ModelHead Head { get; }

    /// <inheritdoc/>
    public int VocabSize => Config.VocabSize;

    /// <inheritdoc/>
    public int ContextLength => Config.ContextLength - VirtualTokens.Count(_prompt, blocks[0].Prefix);

    /// <inheritdoc/>
    public IReadOnlyList<int> EndIds => Config.EndIds;

    /// <inheritdoc cref="ITransformerModel.Device"/>
    public Device Device => token_embedding.device;

    /// <inheritdoc/>
    public bool RecomputeActivations { get; set; }

    /// <inheritdoc/>
    public long MaxScoreBytes { get; set; } = ChunkedCrossEntropy.DefaultBytes;

    /// <summary>Loads a folder as <see cref="SavePretrained"/> and Hugging Face transformers write it.</summary>
    /// <param name="folder">Holds <c>config.json</c> and <c>model.safetensors</c>.</param>
    /// <param name="head">The head; null for the one that the folder was saved with. A classification head that the folder lacks is initialized.</param>
    /// <param name="generator">Where the initial values of a missing head are drawn from.</param>
    /// <param name="options">What the head is to tell; null for what the folder says. A classifier of other labels is initialized.</param>
    /// <returns>The model, in evaluation mode as transformers gives it; <see cref="Training.Trainer"/> trains it all the same.</returns>
    /// <exception cref="Checkpoints.CheckpointException">A file is missing or broken, or its tensors do not fit; all misfits are named together.</exception>
    public static LlamaModel FromPretrained(string folder, ModelHead? head = null, Generator? generator = null, HeadOptions? options = null)
    {
        ConfigReader json = ConfigReader.OfFolder(folder, options);
        LlamaConfig config = LlamaWeights.ToConfig(json);
        ModelHead chosen = head ?? json.HeadOf(LlamaWeights.Architectures(config.Variant), ModelHead.CausalLanguageModel);
        // As transformers, which ties what is the same alone.
        if (chosen == ModelHead.CausalLanguageModel && config.IsHeadTied) config = config with { IsHeadTied = !PretrainedFolder.HasOwnHead(folder, LlamaWeights.HeadMap, LlamaWeights.Table(config, chosen).First()) };
        return PretrainedFolder.Load(folder, json, [.. LlamaWeights.Table(config, chosen)], LlamaWeights.IsIgnored, missing =>
        {
            var model = new LlamaModel(config, chosen, initialize: false);
            model.Initialize(missing.Contains, generator);
            return model;
        }, LlamaWeights.IsOfHead);
    }

    IEnumerable<WeightRow> IWeightNames.Weights => Weights;

    GgufContent IGgufSource.ToGguf() => LlamaGguf.Of(Config);

    SoftPrompt? IVirtualTokens.Prompt
    {
        get => _prompt;
        set
        {
            if (_prompt is not null) register_module("prompt", null!);
            if (value is not null) register_module("prompt", value);
            _prompt = value;
        }
    }

    IReadOnlyList<IPrefixedBlock> IVirtualTokens.PrefixedBlocks => [.. blocks];

    Parameter IVirtualTokens.TokenTable => token_embedding;

    int IVirtualTokens.KeyValueHeadCount => Config.SharedHeadCount;

    int IVirtualTokens.KeyValueHeadDim => Config.HeadDim;

    bool IVirtualTokens.HasWindow => Config.SlidingWindow > 0;

    private IEnumerable<WeightRow> Weights => LlamaWeights.Table(Config, Head);

    /// <inheritdoc/>
    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null) =>
        PretrainedFolder.Save(this, Weights, ToConfigJson(), folder, weights);

    /// <inheritdoc/>
    public void LoadPretrained(string folder) => PretrainedFolder.LoadInto(this, folder, [.. Weights], LlamaWeights.IsIgnored);

    /// <inheritdoc/>
    public JsonObject ToConfigJson() => LlamaWeights.ToConfigJson(Config, Head);

    /// <inheritdoc/>
    public ModelOutput Forward(ModelInput input)
    {
        using DisposeScope scope = NewDisposeScope();
        var trace = new LayerTrace(input.WantHiddenStates, input.WantAttentions, input.WantValues) { WantsStream = input.WantsStream };
        var (rows, sequences) = Decode(input, trace);
        Tensor logits = Head switch
        {
            ModelHead.CausalLanguageModel => VirtualTokens.Drop(_prompt, sequences.Unpack(Scores(rows))),                                                      // (B, T, V)
            ModelHead.SequenceClassification => classifier!.forward(rows.index_select(0, sequences.LastRows(rows.device))),       // (B, labels)
            _ => VirtualTokens.Drop(_prompt, sequences.Unpack(rows)),                                                                                          // (B, T, C)
        };
        return ModelOutput.Leave(scope, new() { Logits = logits, HiddenStates = trace.HiddenStates, Attentions = trace.Attentions, Values = trace.Values });
    }

    /// <inheritdoc/>
    public Tensor Logits(Tensor ids)
    {
        RequireTokens();
        return Forward(new ModelInput { Ids = ids }).Logits;
    }

    /// <inheritdoc/>
    public Tensor Loss(Tensor ids, Tensor targets, double normalizer)
    {
        return Loss(new ModelInput { Ids = ids }, targets, normalizer);
    }

    /// <inheritdoc/>
    public Tensor Loss(ModelInput input, Tensor targets, double normalizer)
    {
        RequireTokens();
        using DisposeScope scope = NewDisposeScope();
        var (rows, sequences) = Decode(input, new LayerTrace(false, false));
        targets = sequences.Pack(VirtualTokens.Targets(_prompt, targets));
        return scope.MoveToOuter(token_head?.Loss(rows, targets, normalizer, MaxScoreBytes) ?? ChunkedCrossEntropy.Apply(rows, head!, targets, normalizer, MaxScoreBytes, VocabSize));
    }

    /// <inheritdoc/>
    public Tensor NextLogits(Tensor ids, KeyValueCache cache)
    {
        RequireTokens();
        InputRules.Tokens(ids, VocabSize, ContextLength);
        using DisposeScope scope = NewDisposeScope();
        Tensor x = Read(token_embedding.index_select(0, ids.reshape(-1)), ids.size(0), cache);
        Tensor last = x.view(ids.size(0), ids.size(1), -1)[.., ^1];   // (B, C)
        return scope.MoveToOuter(Scores(final_norm.forward(last)).to(ScalarType.Float32));
    }

    /// <inheritdoc/>
    public KeyValueCache CreateCache(long batch, int capacity)
    {
        if (capacity > ContextLength) throw new ArgumentOutOfRangeException(nameof(capacity), capacity, $"The capacity must be at most the context length ({ContextLength}).");
        int first = VirtualTokens.Count(_prompt, blocks[0].Prefix);
        var cache = new KeyValueCache(Config.LayerCount, batch, Config.SharedHeadCount, Config.HeadDim, capacity + first, token_embedding.dtype, Device);
        if (first > 0) VirtualTokens.Read(this, cache, batch, x => Read(x, batch, cache));
        return cache;
    }

    /// <summary>The last hidden states of tokens that follow those in a cache, (B·T, C) → (B·T, C).</summary>
    private Tensor Read(Tensor x, long batch, KeyValueCache cache)
    {
        long length = x.size(0) / batch;
        Tensor positions = cache.Positions(length);   // (B·T)
        Tensor? hidden = cache.Hidden(length);
        for (int layer = 0; layer < blocks.Count; layer++) x = blocks[layer].Forward(x, positions, _rotary, batch, _mask, cache, layer, hidden);
        cache.Advance((int)length);
        return x;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) _rotary.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>The last hidden states of the tokens that are there, normalized, (N, C).</summary>
    private (Tensor Rows, PackedSequences Sequences) Decode(ModelInput input, LayerTrace trace)
    {
        InputRules.Ids(input, ModelType, VocabSize, ContextLength, knowsTypes: false, knowsPrefixes: Config.SlidingWindow == 0);
        input = VirtualTokens.Extend(_prompt, input);
        Tensor ids = input.Ids!;
        PackedSequences sequences = PackedSequences.OfMask(input.AttentionMask, ids);
        AttentionMask mask = InputRules.Mask(input, sequences, _mask);
        Tensor positions = sequences.Positions(ids.device) + (blocks[0].Prefix?.Length ?? 0);
        Tensor x = SoftPrompt.Embed(_prompt, token_embedding, sequences.Pack(ids), sequences);   // (N, C)
        trace.Hidden(x, sequences);
        for (int layer = 0; layer < blocks.Count; layer++)
        {
            LlamaBlock block = blocks[layer];
            x = RecomputeActivations && !trace.WantsAttentions
                ? Recomputation.Apply(inputs => block.Forward(inputs[0], inputs[1], _rotary, sequences, mask, trace), x, positions)
                : block.Forward(x, positions, _rotary, sequences, mask, trace);
            if (layer + 1 < blocks.Count || trace.WantsStream) trace.Hidden(x, sequences);
        }
        x = final_norm.forward(x);
        if (!trace.WantsStream) trace.Hidden(x, sequences);   // as transformers does, the last one normalized
        return (x, sequences);
    }

    /// <summary>(N, C) → (N, V)</summary>
    private Tensor Scores(Tensor rows) => token_head?.Forward(rows) ?? head!.forward(rows);

    private void RequireTokens()
    {
        if (Head != ModelHead.CausalLanguageModel) throw new InvalidOperationException($"A model with the head {Head} predicts no tokens.");
    }

    private void Initialize(Func<string, bool> chosen, Generator? generator)
    {
        InitialValues.Set(this, Config.InitializerRange, chosen, generator);
        if (Config.PaddingId is { } padding && chosen(nameof(token_embedding))) InitialValues.ClearRow(token_embedding, padding);
    }
}
