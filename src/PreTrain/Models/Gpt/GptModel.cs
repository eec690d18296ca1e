// GPT-2: "Language Models are Unsupervised Multitask Learners" (Radford et al. 2019); a reference in PyTorch is
// transformers' models/gpt2/modeling_gpt2.py.
// B batch, T tokens, C embedding, H heads, D width of a head, V vocabulary
//
//   ids ─► token + position embedding ─► x ──┬─► norm ─► attention ──► + ──┬─► norm ─► feed-forward ─► + ─► … ─► norm ─► head
//                                           └──────── residual ───────┘   └───────── residual ────────┘
using System.Text.Json.Nodes;
using PreTrain.Modules;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Models.Gpt;

/// <summary>
/// One block: attention and feed-forward, each on the normalized residual stream. Adding a sub-layer's output and the norm that comes
/// next are one operation, so a block takes the stream together with its normalized form, and gives both on.
/// </summary>
internal sealed class GptBlock : nn.Module, IPrefixedBlock
{
    internal readonly Norm attention_norm;
    internal readonly Projection qkv;
    internal readonly Projection attention_output;
    internal readonly Norm feed_forward_norm;
    internal readonly Projection feed_forward_input;
    internal readonly Projection feed_forward_output;
    private readonly int _heads;
    private readonly double _dropout, _attentionDropout;

    internal GptBlock(GptConfig config) : base(nameof(GptBlock))
    {
        attention_norm = new Norm(config.EmbeddingDim, config.NormEpsilon);
        qkv = new Projection(config.EmbeddingDim, 3 * config.HeadCount * config.HeadDim);
        attention_output = new Projection(config.HeadCount * config.HeadDim, config.EmbeddingDim);
        feed_forward_norm = new Norm(config.EmbeddingDim, config.NormEpsilon);
        feed_forward_input = new Projection(config.EmbeddingDim, config.InnerDim);
        feed_forward_output = new Projection(config.InnerDim, config.EmbeddingDim);
        _heads = config.HeadCount;
        (_dropout, _attentionDropout) = (config.Dropout, config.AttentionDropout ?? config.Dropout);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public AttentionPrefix? Prefix
    {
        get;
        set
        {
            if (field is not null) register_module("prefix", null!);
            if (value is not null) register_module("prefix", value);
            field = value;
        }
    }

    private double Dropout => training ? _dropout : 0;

    private double AttentionDropout => training ? _attentionDropout : 0;

    /// <summary>(N, C) twice → (N, C) twice. The last block's stream ends in the final norm, so it is not given on.</summary>
    internal (Tensor? X, Tensor Normed) Forward(Tensor x, Tensor normed, Norm next, bool last, PackedSequences sequences, AttentionMask mask, LayerTrace trace)
    {
        using DisposeScope scope = NewDisposeScope();   // what the backward pass needs, autograd keeps
        Tensor attended = sequences.IsFull && mask.IsCausal && !trace.WantsAttentions && Prefix is null
            ? CausalAttention.Apply(qkv.Product(normed), qkv.bias!, sequences.Count, _heads, AttentionDropout)
            : Attend(qkv.forward(normed), sequences, mask, trace);
        (Tensor? after, normed) = FeedForward(x, attended, next, last);
        after?.MoveToOuterDisposeScope();
        return (after, normed.MoveToOuterDisposeScope());
    }

    /// <summary>The same for tokens that follow those in the cache.</summary>
    internal (Tensor? X, Tensor Normed) Forward(Tensor x, Tensor normed, Norm next, bool last, long batch, KeyValueCache cache, int layer, Tensor? hidden)
    {
        Tensor split = qkv.forward(normed).view(batch, normed.size(0) / batch, 3, _heads, -1).permute(2, 0, 3, 1, 4);   // (3, B, H, T, D)
        var (keys, values) = cache.Append(layer, split[1], split[2]);
        // A long prompt is better left to the fused operator, which knows no other hidden places.
        Tensor attended = hidden is null && normed.size(0) > batch
            ? CausalAttention.Continue(split[0], keys, values)
            : CachedAttention.Apply(split[0], keys, values, AttentionMask.Causal, hidden: hidden);   // (B·T, C)
        return FeedForward(x, attended, next, last);
    }

    /// <summary>Sequences of different lengths, prefixes, or weights that somebody wants to see.</summary>
    private Tensor Attend(Tensor projected, PackedSequences sequences, AttentionMask mask, LayerTrace trace)
    {
        Tensor[] parts = projected.chunk(3, dim: 1);   // (N, C) each
        var options = new AttentionOptions { HeadCount = _heads, Dropout = AttentionDropout, WantWeights = trace.WantsAttentions, Prefix = Prefix };
        var (attended, weights, values) = Attention.Apply(parts[0], parts[1], parts[2], sequences, sequences, mask, options);
        trace.Attention(weights, values);
        return attended;
    }

    private (Tensor? X, Tensor Normed) FeedForward(Tensor x, Tensor attended, Norm next, bool last)
    {
        (x, Tensor normed) = feed_forward_norm.Join(x, attended, attention_output, Dropout);
        Tensor inner = BiasGelu.Apply(feed_forward_input.Product(normed), feed_forward_input.bias!);
        return last ? (null, next.JoinNormed(x, inner, feed_forward_output, Dropout)) : next.Join(x, inner, feed_forward_output, Dropout);
    }
}

/// <summary>GPT-2: pre-norm blocks, learned positions, and for language a head that shares the token embedding's weight. Padding is not computed.</summary>
public sealed class GptModel : nn.Module<Tensor, Tensor>, ICausalLanguageModel, ITransformerModel, IWeightNames, IGgufSource, IVirtualTokens
{
    internal readonly Parameter token_embedding;
    internal readonly Parameter position_embedding;
    internal readonly ModuleList<GptBlock> blocks;
    internal readonly Norm final_norm;
    internal readonly TiedHead? token_head;
    internal readonly Projection? classifier;
    private SoftPrompt? _prompt;

    /// <summary>Creates a model with GPT-2's initial values.</summary>
    /// <param name="config">The architecture.</param>
    /// <param name="head">What is computed from the last hidden states.</param>
    /// <param name="generator">Where initial values are drawn from; torch's default generator if null.</param>
    /// <exception cref="ArgumentException">The architecture is not valid, and the message names each fault; or GPT-2 has no such head.</exception>
    public GptModel(GptConfig config, ModelHead head = ModelHead.CausalLanguageModel, Generator? generator = null) : this(config, head, initialize: true, generator)
    {
    }

    internal GptModel(GptConfig config, ModelHead head, bool initialize, Generator? generator = null) : base(nameof(GptModel))
    {
        config.Validate();
        if (GptWeights.Architectures.All(a => a.Head != head))
            throw new ArgumentException($"A GptModel has no head {head}; it has {string.Join(", ", GptWeights.Architectures.Select(a => a.Head))}.", nameof(head));
        (Config, Head) = (config, head);
        token_embedding = new Parameter(empty([config.VocabSize, config.EmbeddingDim], dtype: ScalarType.Float32));
        position_embedding = new Parameter(empty([config.ContextLength, config.EmbeddingDim], dtype: ScalarType.Float32));
        blocks = new ModuleList<GptBlock>(Enumerable.Range(0, config.LayerCount).Select(_ => new GptBlock(config)).ToArray());
        final_norm = new Norm(config.EmbeddingDim, config.NormEpsilon);
        if (head == ModelHead.CausalLanguageModel) token_head = new TiedHead(() => token_embedding);
        if (head == ModelHead.SequenceClassification) classifier = new Projection(config.EmbeddingDim, config.LabelCount, hasBias: false);
        RegisterComponents();
        if (initialize) Initialize(_ => true, generator);
    }

    /// <summary>The architecture.</summary>
    public GptConfig Config { get; }

    /// <inheritdoc/>
    public string ModelType => "gpt2";

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
    public static GptModel FromPretrained(string folder, ModelHead? head = null, Generator? generator = null, HeadOptions? options = null)
    {
        ConfigReader json = ConfigReader.OfFolder(folder, options);
        GptConfig config = GptWeights.ToConfig(json);
        ModelHead chosen = head ?? json.HeadOf(GptWeights.Architectures, ModelHead.CausalLanguageModel);
        return PretrainedFolder.Load(folder, json, [.. GptWeights.Table(config, chosen)], GptWeights.IsIgnored, missing =>
        {
            var model = new GptModel(config, chosen, initialize: false);
            model.Initialize(missing.Contains, generator);
            return model;
        }, GptWeights.IsOfHead);
    }

    IEnumerable<WeightRow> IWeightNames.Weights => Weights;

    GgufContent IGgufSource.ToGguf() => GptGguf.Of(Config);

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

    int IVirtualTokens.KeyValueHeadCount => Config.HeadCount;

    int IVirtualTokens.KeyValueHeadDim => Config.HeadDim;

    bool IVirtualTokens.HasWindow => false;

    private IEnumerable<WeightRow> Weights => GptWeights.Table(Config, Head);

    /// <inheritdoc/>
    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null) =>
        PretrainedFolder.Save(this, Weights, ToConfigJson(), folder, weights);

    /// <inheritdoc/>
    public void LoadPretrained(string folder) => PretrainedFolder.LoadInto(this, folder, [.. Weights], GptWeights.IsIgnored);

    /// <inheritdoc/>
    public JsonObject ToConfigJson() => GptWeights.ToConfigJson(Config, Head);

    /// <inheritdoc/>
    public ModelOutput Forward(ModelInput input)
    {
        using DisposeScope scope = NewDisposeScope();
        var trace = new LayerTrace(input.WantHiddenStates, input.WantAttentions, input.WantValues) { WantsStream = input.WantsStream };
        var (rows, sequences) = Hidden(input, trace);
        Tensor logits = Head switch
        {
            ModelHead.CausalLanguageModel => VirtualTokens.Drop(_prompt, sequences.Unpack(token_head!.Forward(rows))),                                                      // (B, T, V)
            ModelHead.SequenceClassification => classifier!.forward(rows.index_select(0, sequences.LastRows(rows.device))),       // (B, labels)
            _ => VirtualTokens.Drop(_prompt, sequences.Unpack(rows)),                                                                                          // (B, T, C)
        };
        return ModelOutput.Leave(scope, new() { Logits = logits, HiddenStates = trace.HiddenStates, Attentions = trace.Attentions, Values = trace.Values });
    }

    /// <summary>The logits of every position.</summary>
    public override Tensor forward(Tensor ids) => Logits(ids);

    /// <inheritdoc/>
    public Tensor Logits(Tensor ids)
    {
        RequireTokens();
        using DisposeScope scope = NewDisposeScope();
        var (rows, _) = Hidden(new ModelInput { Ids = ids }, new LayerTrace(false, false));
        return scope.MoveToOuter(VirtualTokens.Drop(_prompt, token_head!.Forward(rows).view(ids.size(0), -1, VocabSize)));   // (B, T, V)
    }

    /// <inheritdoc/>
    public Tensor Loss(Tensor ids, Tensor targets, double normalizer) => Loss(new ModelInput { Ids = ids }, targets, normalizer);

    /// <inheritdoc/>
    public Tensor Loss(ModelInput input, Tensor targets, double normalizer)
    {
        RequireTokens();
        using DisposeScope scope = NewDisposeScope();
        var (rows, sequences) = Hidden(input, new LayerTrace(false, false));
        return scope.MoveToOuter(token_head!.Loss(rows, sequences.Pack(VirtualTokens.Targets(_prompt, targets)), normalizer, MaxScoreBytes));
    }

    /// <inheritdoc/>
    public Tensor NextLogits(Tensor ids, KeyValueCache cache)
    {
        RequireTokens();
        using DisposeScope scope = NewDisposeScope();
        var (batch, length) = (ids.size(0), ids.size(1));
        Tensor x = cache.EmptyPlaces is null ? TokenEmbedding.Apply(ids, token_embedding, position_embedding, cache.NextPosition) : Embed(ids, cache);   // (B·T, C)
        Tensor normed = Read(x, batch, cache);
        return scope.MoveToOuter(token_head!.Forward(normed.view(batch, length, -1)[.., ^1]).to(ScalarType.Float32));   // (B, V)
    }

    /// <inheritdoc/>
    public KeyValueCache CreateCache(long batch, int capacity)
    {
        if (capacity > ContextLength) throw new ArgumentOutOfRangeException(nameof(capacity), capacity, $"The capacity must be at most the context length ({ContextLength}).");
        int first = VirtualTokens.Count(_prompt, blocks[0].Prefix);
        var cache = new KeyValueCache(Config.LayerCount, batch, Config.HeadCount, Config.HeadDim, capacity + first, token_embedding.dtype, Device);
        if (first > 0) VirtualTokens.Read(this, cache, batch, x => Read(x + position_embedding.index_select(0, cache.Positions(x.size(0) / batch)), batch, cache));
        return cache;
    }

    /// <summary>The normalized residual stream behind the last block, of tokens that follow those in a cache, (B·T, C) → (B·T, C).</summary>
    private Tensor Read(Tensor embedded, long batch, KeyValueCache cache)
    {
        Tensor? x = embedded, hidden = cache.Hidden(embedded.size(0) / batch);
        Tensor normed = blocks[0].attention_norm.forward(x);
        for (int layer = 0; layer < blocks.Count; layer++)
            (x, normed) = blocks[layer].Forward(x!, normed, NormAfter(layer), IsLast(layer), batch, cache, layer, hidden);
        cache.Advance((int)(embedded.size(0) / batch));
        return normed;
    }

    private Tensor Embed(Tensor ids, KeyValueCache cache)
    {
        InputRules.Tokens(ids, VocabSize, ContextLength);
        return token_embedding.index_select(0, ids.reshape(-1)) + position_embedding.index_select(0, cache.Positions(ids.size(1)));
    }

    private (Tensor Rows, PackedSequences Sequences) Hidden(ModelInput input, LayerTrace trace)
    {
        InputRules.Ids(input, ModelType, VocabSize, ContextLength, knowsTypes: false, knowsPrefixes: true);
        input = VirtualTokens.Extend(_prompt, input);
        Tensor ids = input.Ids!;
        PackedSequences sequences = PackedSequences.OfMask(input.AttentionMask, ids);
        return (Hidden(ids, sequences, InputRules.Mask(input, sequences, AttentionMask.Causal), trace), sequences);
    }

    /// <summary>(B, T) → the normalized residual stream behind the last block, of the tokens that are there, (N, C).</summary>
    private Tensor Hidden(Tensor ids, PackedSequences sequences, AttentionMask mask, LayerTrace trace)
    {
        int first = blocks[0].Prefix?.Length ?? 0;
        Tensor? x = sequences.IsFull && _prompt is null
            ? TokenEmbedding.Apply(ids, token_embedding, position_embedding, first)
            : SoftPrompt.Embed(_prompt, token_embedding, sequences.Pack(ids), sequences) + position_embedding.index_select(0, sequences.Positions(ids.device) + first);
        if (training && (Config.EmbeddingDropout ?? Config.Dropout) is > 0 and var dropout) x = CounterDropout.Apply(x, dropout);
        trace.Hidden(x, sequences);
        Tensor normed = blocks[0].attention_norm.forward(x);
        for (int layer = 0; layer < blocks.Count; layer++)
        {
            Tensor before = x!, normedBefore = normed;
            GptBlock block = blocks[layer];
            Norm next = NormAfter(layer);
            bool last = IsLast(layer) && !trace.WantsStream;
            if (RecomputeActivations && !trace.WantsAttentions)
            {
                List<Tensor> after = Recomputation.ApplyAll(inputs =>
                {
                    var (stream, rows) = block.Forward(inputs[0], inputs[1], next, last, sequences, mask, trace);
                    return stream is null ? [rows] : [rows, stream];
                }, before, normedBefore);
                (x, normed) = (last ? null : after[1], after[0]);
            }
            else
            {
                (x, normed) = block.Forward(before, normedBefore, next, last, sequences, mask, trace);
            }
            // What the backward pass needs, autograd keeps, and what was shown belongs to who asked for it.
            if (trace.HiddenStates is null) before.Dispose();
            normedBefore.Dispose();
            trace.Hidden(last ? normed : x!, sequences);   // as transformers does, the last one normalized
        }
        return normed;
    }

    private bool IsLast(int layer) => layer + 1 == blocks.Count;

    private Norm NormAfter(int layer) => IsLast(layer) ? final_norm : blocks[layer + 1].attention_norm;

    private void RequireTokens()
    {
        if (Head != ModelHead.CausalLanguageModel) throw new InvalidOperationException($"A model with the head {Head} predicts no tokens.");
    }

    /// <summary>Normal values of the configured deviation, the residual maps' scaled by 1/√(2·layers), no biases (Radford et al. 2019, section 2.3).</summary>
    private void Initialize(Func<string, bool> chosen, Generator? generator)
    {
        double deviation = Config.InitializerRange, residual = deviation / Math.Sqrt(2 * Config.LayerCount);
        InitialValues.Set(this, name => name.EndsWith("_output.weight", StringComparison.Ordinal) ? residual : deviation, chosen, generator);
    }
}
