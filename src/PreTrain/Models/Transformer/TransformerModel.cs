// The original Transformer: "Attention Is All You Need" (Vaswani et al. 2017); a reference in PyTorch with its weights' names is
// transformers' models/marian/modeling_marian.py.
// B sequences, S tokens of the longest source, U tokens of the decoder, N rows (the tokens that are there), C embedding, V tokens of the decoder
//
//   source ids ─► token embedding · √C + sinusoid of the position ─► blocks: attention, feed-forward ──────────────────────────┐
//   ids ────────► token embedding · √C + sinusoid of the position ─► blocks: attention, attention to the source, feed-forward ─► … ─► head
using System.Text.Json.Nodes;
using PreTrain.Modules;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Models.Transformer;

/// <summary>An encoder and a decoder with the norms behind the sub-layers and sinusoidal positions, as it all began; its folders are Marian's. Padding is not computed.</summary>
public sealed class TransformerModel : nn.Module, ISequenceToSequenceModel, IWeightNames
{
    internal readonly Parameter token_embedding;
    internal readonly Parameter? decoder_embedding;   // null where it is shared
    internal readonly ModuleList<PostNormBlock> encoder_blocks;
    internal readonly ModuleList<PostNormDecoderBlock> decoder_blocks;
    internal readonly TiedHead token_head;            // the decoder's embedding (Vaswani et al. 2017, section 3.4)
    internal readonly Tensor score_bias;              // (1, V), a buffer
    private readonly SinusoidalPositions _positions;

    /// <summary>Creates a model with initial values.</summary>
    /// <param name="config">The architecture.</param>
    /// <param name="head">What is computed from the decoder's last hidden states.</param>
    /// <param name="generator">Where initial values are drawn from; torch's default generator if null.</param>
    /// <exception cref="ArgumentException">The architecture is not valid, or the Transformer has no such head.</exception>
    public TransformerModel(TransformerConfig config, ModelHead head = ModelHead.SequenceToSequence, Generator? generator = null) : this(config, head, initialize: true, generator)
    {
    }

    internal TransformerModel(TransformerConfig config, ModelHead head, bool initialize, Generator? generator = null) : base(nameof(TransformerModel))
    {
        config.Validate();
        if (TransformerWeights.Architectures.All(a => a.Head != head))
            throw new ArgumentException($"A TransformerModel has no head {head}; it has {string.Join(", ", TransformerWeights.Architectures.Select(a => a.Head))}.", nameof(head));
        (Config, Head) = (config, head);
        token_embedding = Table(config.VocabSize);
        if (!config.IsEmbeddingShared) decoder_embedding = Table(config.DecoderVocabSize);
        encoder_blocks = new ModuleList<PostNormBlock>([.. Enumerable.Range(0, config.LayerCount).Select(_ => new PostNormBlock(config.EncoderBlock))]);
        decoder_blocks = new ModuleList<PostNormDecoderBlock>([.. Enumerable.Range(0, config.WrittenLayerCount).Select(_ => new PostNormDecoderBlock(config.DecoderBlock))]);
        token_head = new TiedHead(() => Written, () => score_bias!.view(-1));
        score_bias = zeros([1, config.WrittenVocabSize], dtype: ScalarType.Float32).DetachFromDisposeScope();
        RegisterComponents();
        _positions = new SinusoidalPositions(config.EmbeddingDim);
        if (initialize) Initialize(_ => true, generator);

        Parameter Table(long rows) => new(empty([rows, config.EmbeddingDim], dtype: ScalarType.Float32));
    }

    /// <summary>The architecture.</summary>
    public TransformerConfig Config { get; }

    /// <inheritdoc/>
    public string ModelType => "marian";

    /// <inheritdoc/>
    public ModelHead Head { get; }

    /// <summary>The number of different tokens of the decoder, V.</summary>
    public int VocabSize => Config.WrittenVocabSize;

    /// <inheritdoc/>
    public int ContextLength => Config.ContextLength;

    /// <inheritdoc cref="ITransformerModel.Device"/>
    public Device Device => token_embedding.device;

    /// <inheritdoc/>
    public int DecoderStartId => Config.DecoderStartId;

    /// <inheritdoc/>
    public int? EndId => Config.EndId;

    /// <inheritdoc/>
    public WritingRules Writing => Config.Writing;

    /// <inheritdoc/>
    public int? PaddingId => Config.PaddingId;

    /// <inheritdoc/>
    public bool RecomputeActivations { get; set; }

    /// <inheritdoc/>
    public long MaxScoreBytes { get; set; } = ChunkedCrossEntropy.DefaultBytes;

    /// <summary>The decoder's embedding.</summary>
    private Parameter Written => decoder_embedding ?? token_embedding;

    /// <summary>Loads a folder as <see cref="SavePretrained"/> and Hugging Face transformers write it.</summary>
    /// <param name="folder">Holds <c>config.json</c> and <c>model.safetensors</c>.</param>
    /// <param name="head">The head; null for the one that the folder was saved with.</param>
    /// <param name="options">What is to be otherwise than the folder says: the dropout.</param>
    /// <returns>The model, in evaluation mode as transformers gives it; <see cref="Training.Trainer"/> trains it all the same.</returns>
    /// <exception cref="Checkpoints.CheckpointException">A file is missing or broken, or its tensors do not fit; all misfits are named together.</exception>
    public static TransformerModel FromPretrained(string folder, ModelHead? head = null, HeadOptions? options = null)
    {
        ConfigReader json = ConfigReader.OfFolder(folder, options);
        TransformerConfig config = TransformerWeights.ToConfig(json);
        ModelHead chosen = head ?? json.HeadOf(TransformerWeights.Architectures, ModelHead.SequenceToSequence);
        return PretrainedFolder.Load(folder, json, [.. TransformerWeights.Table(config)], TransformerWeights.IsIgnored, _ => new TransformerModel(config, chosen, initialize: false), row => row.IsBuffer);
    }

    IEnumerable<WeightRow> IWeightNames.Weights => Weights;

    private IEnumerable<WeightRow> Weights => TransformerWeights.Table(Config);

    /// <inheritdoc/>
    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null) =>
        PretrainedFolder.Save(this, Weights, ToConfigJson(), folder, weights);

    /// <inheritdoc/>
    public void LoadPretrained(string folder) => PretrainedFolder.LoadInto(this, folder, [.. Weights], TransformerWeights.IsIgnored);

    /// <inheritdoc/>
    public JsonObject ToConfigJson() => TransformerWeights.ToConfigJson(Config);

    /// <inheritdoc/>
    public ModelOutput Forward(ModelInput input)
    {
        using DisposeScope scope = NewDisposeScope();
        LayerTrace read = new(input.WantHiddenStates, input.WantAttentions, input.WantValues), written = new(input.WantHiddenStates, input.WantAttentions, input.WantValues);
        var (rows, sequences) = Decode(input, read, written);
        return ModelOutput.Leave(scope, new()
        {
            Logits = sequences.Unpack(token_head.Forward(rows)),   // (B, U, V)
            HiddenStates = written.HiddenStates,
            Attentions = written.Attentions,
            Values = written.Values,
            CrossAttentions = written.CrossAttentions,
            EncoderHiddenStates = read.HiddenStates,
            EncoderAttentions = read.Attentions,
            EncoderValues = read.Values,
        });
    }

    /// <inheritdoc/>
    public Tensor Loss(ModelInput input, Tensor targets, double normalizer)
    {
        using DisposeScope scope = NewDisposeScope();
        var (rows, sequences) = Decode(DecoderInputs.Of(input, targets, DecoderStartId, PaddingId), new LayerTrace(false, false), new LayerTrace(false, false));
        var (places, classes) = MaskedTargets.Select(sequences.Pack(targets));
        return scope.MoveToOuter(token_head.Loss(rows.index_select(0, places), classes, normalizer, MaxScoreBytes));
    }

    /// <inheritdoc/>
    public KeyValueCache Read(ModelInput source, int capacity)
    {
        if (capacity > ContextLength) throw new ArgumentOutOfRangeException(nameof(capacity), capacity, $"The capacity must be at most the context length ({ContextLength}).");
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        Tensor ids = InputRules.Ids(source, ModelType, Config.VocabSize, ContextLength, knowsTypes: false);
        PackedSequences sources = PackedSequences.OfMask(source.AttentionMask, ids);
        Tensor states = Encode(sources.Pack(ids), sources, new LayerTrace(false, false));
        int heads = Config.DecoderBlock.HeadCount, width = Config.EmbeddingDim / heads;
        var memory = new SourceMemory(sources, width, [.. decoder_blocks.Select(block => block.Remember(states))]);
        return new KeyValueCache(decoder_blocks.Count, sources.Count, heads, width, capacity, token_embedding.dtype, Device, memory);
    }

    /// <inheritdoc/>
    public Tensor NextLogits(Tensor ids, KeyValueCache cache)
    {
        InputRules.Source(cache, ids, ModelType, VocabSize, ContextLength);
        using DisposeScope scope = NewDisposeScope();
        var (batch, length) = (ids.size(0), (int)ids.size(1));
        Tensor columns = arange(cache.Length, cache.Length + length, dtype: ScalarType.Int64, device: ids.device).repeat(batch);   // (B·U)
        Tensor x = Embed(Written, ids.reshape(-1), columns);
        for (int layer = 0; layer < decoder_blocks.Count; layer++) x = decoder_blocks[layer].Forward(x, batch, cache, layer);
        cache.Advance(length);
        return scope.MoveToOuter(token_head.Forward(x.view(batch, length, -1)[.., ^1]).to(ScalarType.Float32));   // (B, V)
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) _positions.Dispose();
        base.Dispose(disposing);
    }

    private (Tensor Rows, PackedSequences Sequences) Decode(ModelInput input, LayerTrace read, LayerTrace written)
    {
        var (ids, decoderIds) = InputRules.Pair(input, ModelType, Config.VocabSize, VocabSize, ContextLength);
        PackedSequences sources = PackedSequences.OfMask(input.AttentionMask, ids), sequences = PackedSequences.OfMask(input.DecoderAttentionMask, decoderIds);
        Tensor states = Encode(sources.Pack(ids), sources, read);
        return (Decode(sequences.Pack(decoderIds), sequences, states, sources, written), sequences);
    }

    /// <summary>(M) → (M, C).</summary>
    private Tensor Encode(Tensor ids, PackedSequences sources, LayerTrace trace)
    {
        Tensor x = Embed(token_embedding, ids, sources.Columns(ids.device));
        trace.Hidden(x, sources);
        foreach (PostNormBlock block in encoder_blocks)
        {
            x = RecomputeActivations && !trace.WantsAttentions
                ? Recomputation.Apply(given => block.Forward(given[0], sources, AttentionMask.None, trace), x)
                : block.Forward(x, sources, AttentionMask.None, trace);
            trace.Hidden(x, sources);
        }
        return x;
    }

    /// <summary>(N), (M, C) → (N, C).</summary>
    private Tensor Decode(Tensor ids, PackedSequences sequences, Tensor states, PackedSequences sources, LayerTrace trace)
    {
        Tensor x = Embed(Written, ids, sequences.Columns(ids.device));
        trace.Hidden(x, sequences);
        foreach (PostNormDecoderBlock block in decoder_blocks)
        {
            x = RecomputeActivations && !trace.WantsAttentions
                ? Recomputation.Apply(given => block.Forward(given[0], sequences, given[1], sources, trace), x, states)
                : block.Forward(x, sequences, states, sources, trace);
            trace.Hidden(x, sequences);
        }
        return x;
    }

    /// <summary>(N) → (N, C).</summary>
    private Tensor Embed(Parameter embedding, Tensor ids, Tensor columns)
    {
        Tensor x = embedding.index_select(0, ids);
        // As the reference, whose decoder starts with padding: looking it up teaches it nothing.
        if (PaddingId is { } padding) x = where(ids.eq(padding).unsqueeze(-1), x.detach(), x);
        if (Config.IsEmbeddingScaled) x *= Math.Sqrt(Config.EmbeddingDim);
        x = _positions.Add(x, columns, ContextLength - 1);
        return training && Config.Dropout > 0 ? CounterDropout.Apply(x, Config.Dropout) : x;
    }

    private void Initialize(Func<string, bool> chosen, Generator? generator)
    {
        InitialValues.Set(this, Config.InitializerRange, chosen, generator);
        if (Config.PaddingId is not { } padding) return;
        foreach (Parameter? embedding in new[] { token_embedding, decoder_embedding })
        {
            if (embedding is not null && padding < embedding.size(0)) InitialValues.ClearRow(embedding, padding);
        }
    }
}
