// BART: "Denoising Sequence-to-Sequence Pre-training for Natural Language Generation, Translation, and Comprehension" (Lewis et al. 2020);
// a reference in PyTorch is transformers' models/bart/modeling_bart.py.
// B sequences, S tokens of the longest source, U tokens of the decoder, N rows (the tokens that are there), C embedding, V vocabulary
//
//   source ids ─► token + position embedding ─► norm ─► blocks: attention, feed-forward ──────────────────────────┐
//   ids ────────► token + position embedding ─► norm ─► blocks: attention, attention to the source, feed-forward ─► … ─► head
using System.Text.Json.Nodes;
using PreTrain.Modules;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Models.Bart;

/// <summary>A bidirectional encoder and a decoder, with the norms behind the sub-layers and learned positions. Padding is not computed.</summary>
public sealed class BartModel : nn.Module, ISequenceToSequenceModel, IWeightNames
{
    /// <summary>The positions that the original leaves unused before the first.</summary>
    internal const int PositionOffset = 2;

    internal readonly Parameter token_embedding;
    internal readonly Parameter encoder_positions, decoder_positions;
    internal readonly Norm encoder_norm, decoder_norm;
    internal readonly ModuleList<PostNormBlock> encoder_blocks;
    internal readonly ModuleList<PostNormDecoderBlock> decoder_blocks;
    internal readonly TiedHead? token_head;
    internal readonly Tensor? score_bias;          // (1, V), a buffer
    internal readonly ClassificationHead? classifier;

    /// <summary>Creates a model with BART's initial values.</summary>
    /// <param name="config">The architecture.</param>
    /// <param name="head">What is computed from the decoder's last hidden states.</param>
    /// <param name="generator">Where initial values are drawn from; torch's default generator if null.</param>
    /// <exception cref="ArgumentException">The architecture is not valid, or BART has no such head.</exception>
    public BartModel(BartConfig config, ModelHead head = ModelHead.SequenceToSequence, Generator? generator = null) : this(config, head, initialize: true, generator)
    {
    }

    internal BartModel(BartConfig config, ModelHead head, bool initialize, Generator? generator = null) : base(nameof(BartModel))
    {
        config.Validate();
        if (BartWeights.Architectures.All(a => a.Head != head))
            throw new ArgumentException($"A BartModel has no head {head}; it has {string.Join(", ", BartWeights.Architectures.Select(a => a.Head))}.", nameof(head));
        if (head == ModelHead.SequenceClassification && config.EndId is null)
            throw new ArgumentException($"A class is read from the token that ends a sequence, and {nameof(config.EndId)} is null. Name that token.", nameof(config));
        (Config, Head) = (config, head);
        long c = config.EmbeddingDim;
        token_embedding = Table(config.VocabSize);
        (encoder_positions, decoder_positions) = (Table(config.ContextLength + PositionOffset), Table(config.ContextLength + PositionOffset));
        (encoder_norm, decoder_norm) = (new Norm(c, BartConfig.NormEpsilon), new Norm(c, BartConfig.NormEpsilon));
        encoder_blocks = new ModuleList<PostNormBlock>([.. Enumerable.Range(0, config.LayerCount).Select(_ => new PostNormBlock(config.EncoderBlock))]);
        decoder_blocks = new ModuleList<PostNormDecoderBlock>([.. Enumerable.Range(0, config.WrittenLayerCount).Select(_ => new PostNormDecoderBlock(config.DecoderBlock))]);
        if (head == ModelHead.SequenceToSequence) token_head = new TiedHead(() => token_embedding, () => score_bias!.view(-1));
        if (head == ModelHead.SequenceToSequence) score_bias = zeros([1, config.VocabSize], dtype: ScalarType.Float32).DetachFromDisposeScope();
        else classifier = new ClassificationHead(c, config.LabelCount, Activation.Tanh, config.ClassifierDropout);
        RegisterComponents();
        if (initialize) Initialize(_ => true, generator);

        Parameter Table(long rows) => new(empty([rows, c], dtype: ScalarType.Float32));
    }

    /// <summary>The architecture.</summary>
    public BartConfig Config { get; }

    /// <inheritdoc/>
    public string ModelType => "bart";

    /// <inheritdoc/>
    public ModelHead Head { get; }

    /// <inheritdoc/>
    public int VocabSize => Config.VocabSize;

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

    /// <summary>Loads a folder as <see cref="SavePretrained"/> and Hugging Face transformers write it.</summary>
    /// <param name="folder">Holds <c>config.json</c> and <c>model.safetensors</c>.</param>
    /// <param name="head">The head; null for the one that the folder was saved with. A classification head that the folder lacks is initialized.</param>
    /// <param name="generator">Where the initial values of a missing head are drawn from.</param>
    /// <param name="options">What the head is to tell; null for what the folder says. A classifier of other labels is initialized.</param>
    /// <returns>The model, in evaluation mode as transformers gives it; <see cref="Training.Trainer"/> trains it all the same.</returns>
    /// <exception cref="Checkpoints.CheckpointException">A file is missing or broken, or its tensors do not fit; all misfits are named together.</exception>
    public static BartModel FromPretrained(string folder, ModelHead? head = null, Generator? generator = null, HeadOptions? options = null)
    {
        ConfigReader json = ConfigReader.OfFolder(folder, options);
        BartConfig config = BartWeights.ToConfig(json);
        ModelHead chosen = head ?? json.HeadOf(BartWeights.Architectures, ModelHead.SequenceToSequence);
        return PretrainedFolder.Load(folder, json, [.. BartWeights.Table(config, chosen)], BartWeights.IsIgnored, missing =>
        {
            var model = new BartModel(config, chosen, initialize: false);
            model.Initialize(missing.Contains, generator);
            return model;
        }, BartWeights.IsOfHead);
    }

    IEnumerable<WeightRow> IWeightNames.Weights => Weights;

    private IEnumerable<WeightRow> Weights => BartWeights.Table(Config, Head);

    /// <inheritdoc/>
    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null) =>
        PretrainedFolder.Save(this, Weights, ToConfigJson(), folder, weights);

    /// <inheritdoc/>
    public void LoadPretrained(string folder) => PretrainedFolder.LoadInto(this, folder, [.. Weights], BartWeights.IsIgnored);

    /// <inheritdoc/>
    public JsonObject ToConfigJson() => BartWeights.ToConfigJson(Config, Head);

    /// <summary>Computes. For a class the decoder reads the source itself, one place further right, and takes no ids (Lewis et al. 2020, section 3.1).</summary>
    /// <exception cref="ArgumentException">An input is missing, does not fit, or is not known to this model.</exception>
    public ModelOutput Forward(ModelInput input)
    {
        using DisposeScope scope = NewDisposeScope();
        LayerTrace read = new(input.WantHiddenStates, input.WantAttentions, input.WantValues), written = new(input.WantHiddenStates, input.WantAttentions, input.WantValues);
        Tensor logits;
        if (Head == ModelHead.SequenceToSequence)
        {
            var (rows, sequences) = Decode(input, read, written);
            logits = sequences.Unpack(token_head!.Forward(rows));   // (B, U, V)
        }
        else
        {
            logits = Classify(input, read, written);   // (B, labels)
        }
        return ModelOutput.Leave(scope, new()
        {
            Logits = logits,
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
    /// <exception cref="InvalidOperationException">The model has another head.</exception>
    public Tensor Loss(ModelInput input, Tensor targets, double normalizer)
    {
        RequireTokens();
        using DisposeScope scope = NewDisposeScope();
        var (rows, sequences) = Decode(DecoderInputs.Of(input, targets, DecoderStartId, PaddingId), new LayerTrace(false, false), new LayerTrace(false, false));
        var (places, classes) = MaskedTargets.Select(sequences.Pack(targets));
        return scope.MoveToOuter(token_head!.Loss(rows.index_select(0, places), classes, normalizer, MaxScoreBytes));
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The model has another head.</exception>
    public KeyValueCache Read(ModelInput source, int capacity)
    {
        RequireTokens();
        if (capacity > ContextLength) throw new ArgumentOutOfRangeException(nameof(capacity), capacity, $"The capacity must be at most the context length ({ContextLength}).");
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        Tensor ids = InputRules.Ids(source, ModelType, VocabSize, ContextLength, knowsTypes: false);
        PackedSequences sources = PackedSequences.OfMask(source.AttentionMask, ids);
        Tensor states = Encode(sources.Pack(ids), sources, new LayerTrace(false, false));
        int heads = Config.DecoderBlock.HeadCount, width = Config.EmbeddingDim / heads;
        var memory = new SourceMemory(sources, width, [.. decoder_blocks.Select(block => block.Remember(states))]);
        return new KeyValueCache(decoder_blocks.Count, sources.Count, heads, width, capacity, token_embedding.dtype, Device, memory);
    }

    /// <inheritdoc/>
    public Tensor NextLogits(Tensor ids, KeyValueCache cache)
    {
        RequireTokens();
        InputRules.Source(cache, ids, ModelType, VocabSize, ContextLength);
        using DisposeScope scope = NewDisposeScope();
        var (batch, length) = (ids.size(0), (int)ids.size(1));
        Tensor columns = arange(cache.Length, cache.Length + length, dtype: ScalarType.Int64, device: ids.device).repeat(batch);   // (B·U)
        Tensor x = Embed(ids.reshape(-1), columns, decoder_positions, decoder_norm);
        for (int layer = 0; layer < decoder_blocks.Count; layer++) x = decoder_blocks[layer].Forward(x, batch, cache, layer);
        cache.Advance(length);
        return scope.MoveToOuter(token_head!.Forward(x.view(batch, length, -1)[.., ^1]).to(ScalarType.Float32));   // (B, V)
    }

    private Tensor Classify(ModelInput input, LayerTrace read, LayerTrace written)
    {
        Tensor ids = InputRules.Ids(input, ModelType, VocabSize, ContextLength, knowsTypes: false);
        PackedSequences sources = PackedSequences.OfMask(input.AttentionMask, ids);
        Tensor packed = sources.Pack(ids), ends = LastEnds(packed, sources);
        Tensor before = cat([packed.narrow(0, 0, 1), packed.narrow(0, 0, sources.Rows - 1)]).index_fill(0, sources.FirstRows(ids.device), DecoderStartId);
        Tensor rows = Decode(before, sources, Encode(packed, sources, read), sources, written);
        return classifier!.forward(rows.index_select(0, ends));
    }

    /// <summary>The row of each sequence's last end, (B).</summary>
    private Tensor LastEnds(Tensor packed, PackedSequences sequences)
    {
        long[] ids = packed.cpu().data<long>().ToArray(), rows = new long[sequences.Count];
        for (int b = 0; b < rows.Length; b++)
        {
            int place = ids.AsSpan(sequences.Starts[b], sequences.Lengths[b]).LastIndexOf(Config.EndId!.Value);
            if (place < 0) throw new ArgumentException($"Sequence {b} does not hold the token {Config.EndId} that ends it, from which its class is read. Append it.", nameof(packed));
            rows[b] = sequences.Starts[b] + place;
        }
        return tensor(rows, device: packed.device);
    }

    private (Tensor Rows, PackedSequences Sequences) Decode(ModelInput input, LayerTrace read, LayerTrace written)
    {
        var (ids, decoderIds) = InputRules.Pair(input, ModelType, VocabSize, VocabSize, ContextLength);
        PackedSequences sources = PackedSequences.OfMask(input.AttentionMask, ids), sequences = PackedSequences.OfMask(input.DecoderAttentionMask, decoderIds);
        Tensor states = Encode(sources.Pack(ids), sources, read);
        return (Decode(sequences.Pack(decoderIds), sequences, states, sources, written), sequences);
    }

    /// <summary>(M) → (M, C).</summary>
    private Tensor Encode(Tensor ids, PackedSequences sources, LayerTrace trace)
    {
        Tensor x = Embed(ids, sources.Columns(ids.device), encoder_positions, encoder_norm);
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
        Tensor x = Embed(ids, sequences.Columns(ids.device), decoder_positions, decoder_norm);
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
    private Tensor Embed(Tensor ids, Tensor columns, Parameter positions, Norm norm)
    {
        Tensor x = token_embedding.index_select(0, ids);
        if (Config.IsEmbeddingScaled) x *= Math.Sqrt(Config.EmbeddingDim);
        x = norm.forward(x + positions.index_select(0, columns + PositionOffset));
        return training && Config.Dropout > 0 ? CounterDropout.Apply(x, Config.Dropout) : x;
    }

    private void RequireTokens()
    {
        if (Head != ModelHead.SequenceToSequence) throw new InvalidOperationException($"A model with the head {Head} writes no tokens.");
    }

    private void Initialize(Func<string, bool> chosen, Generator? generator)
    {
        InitialValues.Set(this, Config.InitializerRange, chosen, generator);
        if (Config.PaddingId is { } padding && chosen(nameof(token_embedding))) InitialValues.ClearRow(token_embedding, padding);
    }
}
