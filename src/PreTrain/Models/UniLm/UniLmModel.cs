// UniLM: "Unified Language Model Pre-training for Natural Language Understanding and Generation" (Dong et al. 2019); its stack is BERT's, for which a reference
// in PyTorch is transformers' models/bert/modeling_bert.py (BertForMaskedLM, and BertLMHeadModel as a decoder).
// B sequences, T tokens of the longest, N rows (the tokens that are there), C embedding, V vocabulary
//
//   ids ─► token + position + segment embedding ─► norm ─► [attention ─► + ─► norm ─► feed-forward ─► + ─► norm] × layers ─► scores of every token
//                                                              │
//        each sees all (bidirectional) ── those before (causal) ── all of a prefix and those before (sequence to sequence)
using System.Text.Json.Nodes;
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Models.UniLm;

/// <summary>
/// One stack with BERT's weights, in which the mask decides what is modelled. With <see cref="ModelHead.MaskedLanguageModel"/> a token sees all others, with
/// <see cref="ModelHead.CausalLanguageModel"/> those before it, unless <see cref="ModelInput.PrefixLengths"/> says otherwise. Padding is not computed.
/// </summary>
public sealed class UniLmModel : nn.Module, IMaskedLanguageModel, ICausalLanguageModel, IWeightNames
{
    internal readonly PostNormEncoder encoder;
    internal readonly VocabularyHead prediction;

    /// <summary>Creates a model with BERT's initial values.</summary>
    /// <param name="config">The architecture.</param>
    /// <param name="head">Which tokens are predicted: hidden ones, or the next.</param>
    /// <param name="generator">Where initial values are drawn from; torch's default generator if null.</param>
    /// <exception cref="ArgumentException">The architecture is not valid, or UniLM has no such head.</exception>
    public UniLmModel(UniLmConfig config, ModelHead head = ModelHead.MaskedLanguageModel, Generator? generator = null) : this(config, head, initialize: true, generator)
    {
    }

    internal UniLmModel(UniLmConfig config, ModelHead head, bool initialize, Generator? generator = null) : base(nameof(UniLmModel))
    {
        config.Validate();
        if (UniLmWeights.Architectures.All(a => a.Head != head))
            throw new ArgumentException($"A UniLmModel has no head {head}; it has {string.Join(", ", UniLmWeights.Architectures.Select(a => a.Head))}.", nameof(head));
        (Config, Head) = (config, head);
        encoder = new PostNormEncoder(config.ToEncoder());
        prediction = new VocabularyHead(config.EmbeddingDim, config.EmbeddingDim, config.VocabSize, config.Activation, config.NormEpsilon);
        RegisterComponents();
        if (!initialize) return;
        InitialValues.Set(this, config.InitializerRange, _ => true, generator);
        InitialValues.ClearRow(encoder.token_embedding, config.PaddingId);
    }

    /// <summary>The architecture.</summary>
    public UniLmConfig Config { get; }

    /// <summary>BERT's, whose folders these are.</summary>
    public string ModelType => "bert";

    /// <inheritdoc/>
    public ModelHead Head { get; }

    /// <inheritdoc cref="ITokenPredictor.VocabSize"/>
    public int VocabSize => Config.VocabSize;

    /// <inheritdoc cref="ITokenPredictor.ContextLength"/>
    public int ContextLength => Config.ContextLength;

    /// <inheritdoc cref="ITransformerModel.Device"/>
    public Device Device => encoder.token_embedding.device;

    /// <inheritdoc/>
    public bool RecomputeActivations { get; set; }

    /// <inheritdoc/>
    public long MaxScoreBytes { get; set; } = ChunkedCrossEntropy.DefaultBytes;

    /// <summary>Loads a folder as <see cref="SavePretrained"/> and Hugging Face transformers write it for BERT, with a masked or a causal head.</summary>
    /// <param name="folder">Holds <c>config.json</c> and <c>model.safetensors</c>.</param>
    /// <param name="head">The head, since both have the same weights; null for that of a decoder where <c>config.json</c> says <c>is_decoder</c>, and else the masked one.</param>
    /// <param name="options">What is to be otherwise than the folder says: the dropout.</param>
    /// <returns>The model, in evaluation mode as transformers gives it; <see cref="Training.Trainer"/> trains it all the same.</returns>
    /// <exception cref="Checkpoints.CheckpointException">A file is missing or broken, or its tensors do not fit; all misfits are named together.</exception>
    public static UniLmModel FromPretrained(string folder, ModelHead? head = null, HeadOptions? options = null)
    {
        ConfigReader json = ConfigReader.OfFolder(folder, options);
        ModelHead chosen = head ?? UniLmWeights.HeadOf(json);
        UniLmConfig config = UniLmWeights.ToConfig(json);
        return PretrainedFolder.Load(folder, json, [.. UniLmWeights.Table(config)], UniLmWeights.IsIgnored, _ => new UniLmModel(config, chosen, initialize: false), _ => false);
    }

    IEnumerable<WeightRow> IWeightNames.Weights => Weights;

    private IEnumerable<WeightRow> Weights => UniLmWeights.Table(Config);

    /// <inheritdoc/>
    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null) => PretrainedFolder.Save(this, Weights, ToConfigJson(), folder, weights);

    /// <inheritdoc/>
    public void LoadPretrained(string folder) => PretrainedFolder.LoadInto(this, folder, [.. Weights], UniLmWeights.IsIgnored);

    /// <inheritdoc/>
    public JsonObject ToConfigJson() => UniLmWeights.ToConfigJson(Config, Head);

    /// <inheritdoc/>
    public ModelOutput Forward(ModelInput input)
    {
        using DisposeScope scope = NewDisposeScope();
        var trace = new LayerTrace(input.WantHiddenStates, input.WantAttentions, input.WantValues);
        var (rows, sequences) = Encode(input, trace);
        return ModelOutput.Leave(scope, new() { Logits = sequences.Unpack(Predict(rows)), HiddenStates = trace.HiddenStates, Attentions = trace.Attentions, Values = trace.Values });   // (B, T, V)
    }

    /// <inheritdoc cref="IMaskedLanguageModel.Loss"/>
    public Tensor Loss(ModelInput input, Tensor targets, double normalizer)
    {
        using DisposeScope scope = NewDisposeScope();
        var (rows, sequences) = Encode(input, new LayerTrace(false, false));
        var (places, classes) = MaskedTargets.Select(sequences.Pack(targets));
        return scope.MoveToOuter(prediction.Loss(rows.index_select(0, places), encoder.token_embedding, classes, normalizer, MaxScoreBytes));
    }

    /// <inheritdoc/>
    public Tensor Scores(ModelInput input, Tensor targets)
    {
        using DisposeScope scope = NewDisposeScope();
        var (rows, sequences) = Encode(input, new LayerTrace(false, false));
        var (places, _) = MaskedTargets.Select(sequences.Pack(targets));
        return scope.MoveToOuter(Predict(rows.index_select(0, places)));
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The model has another head.</exception>
    public Tensor Logits(Tensor ids)
    {
        RequireCausal();
        return Forward(new ModelInput { Ids = ids }).Logits;
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The model has another head.</exception>
    public Tensor Loss(Tensor ids, Tensor targets, double normalizer)
    {
        RequireCausal();
        return Loss(new ModelInput { Ids = ids }, targets, normalizer);
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The model has another head.</exception>
    public Tensor NextLogits(Tensor ids, KeyValueCache cache) => NextLogits(ids, null, cache);

    /// <summary>The scores of the token that follows, given the tokens in the cache and these.</summary>
    /// <param name="ids">(B, T) of 64-bit integers: the tokens that the cache has not seen.</param>
    /// <param name="types">Their segments, (B, T); null for 0.</param>
    /// <param name="cache">Made by the model; takes up the tokens.</param>
    /// <returns>(B, V) in 32 bits.</returns>
    /// <exception cref="InvalidOperationException">The model has another head.</exception>
    public Tensor NextLogits(Tensor ids, Tensor? types, KeyValueCache cache)
    {
        RequireCausal();
        using DisposeScope scope = NewDisposeScope();
        Tensor rows = Append(ids, types, AttentionMask.Causal, cache);
        Tensor last = rows.view(ids.size(0), ids.size(1), -1)[.., ^1];   // (B, C)
        return scope.MoveToOuter(Predict(last).to(ScalarType.Float32));
    }

    /// <inheritdoc/>
    public KeyValueCache CreateCache(long batch, int capacity)
    {
        if (capacity > ContextLength) throw new ArgumentOutOfRangeException(nameof(capacity), capacity, $"The capacity must be at most the context length ({ContextLength}).");
        return new KeyValueCache(Config.LayerCount, batch, Config.HeadCount, Config.HeadDim, capacity, encoder.token_embedding.dtype, Device);
    }

    /// <summary>Reads a prefix whose tokens see each other, and gives the cache from which <see cref="NextLogits(Tensor, KeyValueCache)"/> goes on (Dong et al. 2019, section 2.3).</summary>
    /// <param name="ids">(B, T) of 64-bit integers, all sequences of one length.</param>
    /// <param name="types">Their segments, (B, T); null for 0.</param>
    /// <param name="capacity">The most tokens that the cache is to hold, the prefix included.</param>
    /// <exception cref="InvalidOperationException">The model has another head.</exception>
    public KeyValueCache ReadPrefix(Tensor ids, Tensor? types, int capacity)
    {
        RequireCausal();
        KeyValueCache cache = CreateCache(ids.size(0), capacity);
        try
        {
            Append(ids, types, AttentionMask.None, cache).Dispose();
            return cache;
        }
        catch
        {
            cache.Dispose();
            throw;
        }
    }

    private Tensor Append(Tensor ids, Tensor? types, AttentionMask mask, KeyValueCache cache)
    {
        InputRules.Tokens(ids, VocabSize, ContextLength);
        return encoder.Forward(ids, types is null ? null : InputRules.Types(types, ids, Config.TokenTypeCount), mask, cache);
    }

    /// <summary>The last hidden states of the tokens that are there, (N, C).</summary>
    private (Tensor Rows, PackedSequences Sequences) Encode(ModelInput input, LayerTrace trace)
    {
        Tensor ids = InputRules.Ids(input, ModelType, VocabSize, ContextLength, knowsTypes: true, knowsPrefixes: true);
        PackedSequences sequences = PackedSequences.OfMask(input.AttentionMask, ids);
        Tensor? types = input.TokenTypeIds is { } given ? sequences.Pack(InputRules.Types(given, ids, Config.TokenTypeCount)) : null;
        AttentionMask mask = InputRules.Mask(input, sequences, Head == ModelHead.CausalLanguageModel ? AttentionMask.Causal : AttentionMask.None);
        return (encoder.Forward(sequences.Pack(ids), sequences.Columns(ids.device), types, sequences, mask, trace, RecomputeActivations), sequences);
    }

    /// <summary>(N, C) → (N, V).</summary>
    private Tensor Predict(Tensor rows) => prediction.Forward(rows, encoder.token_embedding);

    private void RequireCausal()
    {
        if (Head != ModelHead.CausalLanguageModel) throw new InvalidOperationException($"A model with the head {Head} predicts no next token. Create or load it with the head {ModelHead.CausalLanguageModel}.");
    }
}
