// T5: "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer" (Raffel et al. 2020), 1.0 and 1.1; a reference in
// PyTorch is transformers' models/t5/modeling_t5.py.
// B sequences, S tokens of the longest source, U tokens of the decoder, N rows (the tokens that are there), C embedding, H heads, D width of a head, V vocabulary
//
//   source ids ─► token embedding ─► (+ norm ─► attention) ─► (+ norm ─► feed-forward) ─► … ─► norm ─────────────┐
//   ids ────────► token embedding ─► (+ norm ─► attention) ─► (+ norm ─► attention to the source) ─► (+ norm ─► feed-forward) ─► … ─► norm ─► head
using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Modules;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Models.T5;

/// <summary>
/// An encoder and a decoder with relative positions, norms without mean before each sub-layer, and no biases. Without head it is the encoder alone. Padding is not computed, and
/// positions count the tokens that are there.
/// </summary>
public sealed class T5Model : nn.Module, ISequenceToSequenceModel, IWeightNames
{
    internal readonly Parameter token_embedding;
    internal readonly Parameter encoder_positions;
    internal readonly Parameter? decoder_positions;
    internal readonly ModuleList<T5Block> encoder_blocks;
    internal readonly ModuleList<T5Block>? decoder_blocks;
    internal readonly RmsNorm encoder_norm;
    internal readonly RmsNorm? decoder_norm;
    internal readonly Projection? head;
    internal readonly TiedHead? token_head;
    private readonly T5Positions _bothWays, _backwards;

    /// <summary>Creates a model with T5's initial values.</summary>
    /// <param name="config">The architecture.</param>
    /// <param name="head">What is computed from the last hidden states.</param>
    /// <param name="generator">Where initial values are drawn from; torch's default generator if null.</param>
    /// <exception cref="ArgumentException">The architecture is not valid, or T5 has no such head.</exception>
    public T5Model(T5Config config, ModelHead head = ModelHead.SequenceToSequence, Generator? generator = null) : this(config, head, initialize: true, generator)
    {
    }

    internal T5Model(T5Config config, ModelHead head, bool initialize, Generator? generator = null) : base(nameof(T5Model))
    {
        config.Validate();
        if (T5Weights.Architectures.All(a => a.Head != head))
            throw new ArgumentException($"A T5Model has no head {head}; it has {string.Join(", ", T5Weights.Architectures.Select(a => a.Head))}.", nameof(head));
        (Config, Head) = (config, head);
        token_embedding = Table(config.VocabSize, config.EmbeddingDim);
        encoder_positions = Table(config.BucketCount, config.HeadCount);
        encoder_blocks = new ModuleList<T5Block>([.. Enumerable.Range(0, config.LayerCount).Select(_ => new T5Block(config, isDecoder: false))]);
        encoder_norm = new RmsNorm(config.EmbeddingDim, config.NormEpsilon);
        if (head == ModelHead.SequenceToSequence)
        {
            decoder_positions = Table(config.BucketCount, config.HeadCount);
            decoder_blocks = new ModuleList<T5Block>([.. Enumerable.Range(0, config.WrittenLayerCount).Select(_ => new T5Block(config, isDecoder: true))]);
            decoder_norm = new RmsNorm(config.EmbeddingDim, config.NormEpsilon);
            if (config.IsHeadTied) token_head = new TiedHead(() => token_embedding);
            else this.head = new Projection(config.EmbeddingDim, config.VocabSize, hasBias: false);
        }
        RegisterComponents();
        _bothWays = new T5Positions(config.BucketCount, config.MaxDistance, bothWays: true);
        _backwards = new T5Positions(config.BucketCount, config.MaxDistance, bothWays: false);
        if (initialize) Initialize(_ => true, generator);

        static Parameter Table(long rows, long columns) => new(empty([rows, columns], dtype: ScalarType.Float32));
    }

    /// <summary>The architecture.</summary>
    public T5Config Config { get; }

    /// <inheritdoc/>
    public string ModelType => "t5";

    /// <inheritdoc/>
    public ModelHead Head { get; }

    /// <inheritdoc/>
    public int VocabSize => Config.VocabSize;

    /// <summary>No limit: positions are relative. The models were trained on 512 tokens.</summary>
    public int ContextLength => int.MaxValue;

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
    /// <param name="head">The head; null for the one that the folder was saved with. <see cref="ModelHead.None"/> leaves the decoder.</param>
    /// <param name="options">What is to be otherwise than the folder says: the dropout.</param>
    /// <returns>The model, in evaluation mode as transformers gives it; <see cref="Training.Trainer"/> trains it all the same.</returns>
    /// <exception cref="CheckpointException">A file is missing or broken, or its tensors do not fit; all misfits are named together.</exception>
    public static T5Model FromPretrained(string folder, ModelHead? head = null, HeadOptions? options = null)
    {
        ConfigReader json = ConfigReader.OfFolder(folder, options);
        T5Config config = T5Weights.ToConfig(json);
        ModelHead chosen = head ?? json.HeadOf(T5Weights.Architectures, ModelHead.SequenceToSequence);
        // Some versions of transformers write a 1.1 with a head of its own as tied, and it ties what is the same alone.
        if (chosen == ModelHead.SequenceToSequence && config.IsHeadTied) config = config with { IsHeadTied = !PretrainedFolder.HasOwnHead(folder, T5Weights.HeadMap, T5Weights.Table(config, chosen).First()) };
        return PretrainedFolder.Load(folder, json, [.. T5Weights.Table(config, chosen)], name => T5Weights.IsIgnored(name, chosen), _ => new T5Model(config, chosen, initialize: false), _ => false);
    }

    IEnumerable<WeightRow> IWeightNames.Weights => Weights;

    private IEnumerable<WeightRow> Weights => T5Weights.Table(Config, Head);

    /// <inheritdoc/>
    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null) =>
        PretrainedFolder.Save(this, Weights, ToConfigJson(), folder, weights);

    /// <inheritdoc/>
    public void LoadPretrained(string folder) => PretrainedFolder.LoadInto(this, folder, [.. Weights], name => T5Weights.IsIgnored(name, Head));

    /// <inheritdoc/>
    public JsonObject ToConfigJson() => T5Weights.ToConfigJson(Config, Head);

    /// <inheritdoc/>
    public ModelOutput Forward(ModelInput input)
    {
        using DisposeScope scope = NewDisposeScope();
        LayerTrace read = Trace(), written = Trace();
        if (Head == ModelHead.None)
        {
            var (states, sources) = Encode(InputRules.Ids(input, ModelType, VocabSize, ContextLength, knowsTypes: false), input, read);
            return ModelOutput.Leave(scope, new() { Logits = sources.Unpack(states), HiddenStates = read.HiddenStates, Attentions = read.Attentions, Values = read.Values });   // (B, S, C)
        }
        var (rows, sequences) = Decode(input, read, written);
        return ModelOutput.Leave(scope, new()
        {
            Logits = sequences.Unpack(Scores(rows)),   // (B, U, V)
            HiddenStates = written.HiddenStates,
            Attentions = written.Attentions,
            Values = written.Values,
            CrossAttentions = written.CrossAttentions,
            EncoderHiddenStates = read.HiddenStates,
            EncoderAttentions = read.Attentions,
            EncoderValues = read.Values,
        });

        LayerTrace Trace() => new(input.WantHiddenStates, input.WantAttentions, input.WantValues) { WantsStream = input.WantsStream };
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The model is the encoder alone.</exception>
    public Tensor Loss(ModelInput input, Tensor targets, double normalizer)
    {
        RequireDecoder();
        using DisposeScope scope = NewDisposeScope();
        var (rows, sequences) = Decode(DecoderInputs.Of(input, targets, DecoderStartId, PaddingId), new LayerTrace(false, false), new LayerTrace(false, false));
        var (places, classes) = MaskedTargets.Select(sequences.Pack(targets));
        rows = Scaled(rows.index_select(0, places));
        return scope.MoveToOuter(token_head?.Loss(rows, classes, normalizer, MaxScoreBytes) ?? ChunkedCrossEntropy.Apply(rows, head!, classes, normalizer, MaxScoreBytes, Config.VocabSize));
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The model is the encoder alone.</exception>
    public KeyValueCache Read(ModelInput source, int capacity)
    {
        RequireDecoder();
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        var (states, sources) = Encode(InputRules.Ids(source, ModelType, VocabSize, ContextLength, knowsTypes: false), source, new LayerTrace(false, false));
        var memory = new SourceMemory(sources, Config.HeadDim, [.. decoder_blocks!.Select(block => block.Remember(states))]);
        return new KeyValueCache(decoder_blocks!.Count, sources.Count, Config.HeadCount, Config.HeadDim, capacity, token_embedding.dtype, Device, memory);
    }

    /// <inheritdoc/>
    public Tensor NextLogits(Tensor ids, KeyValueCache cache)
    {
        RequireDecoder();
        SourceMemory source = InputRules.Source(cache, ids, ModelType, VocabSize, ContextLength);
        using DisposeScope scope = NewDisposeScope();
        var (batch, length) = (ids.size(0), (int)ids.size(1));
        Tensor bias = _backwards.Bias(decoder_positions!, length, cache.Length + length, cache.Length);   // (1, H, U, all)
        Tensor x = token_embedding.index_select(0, ids.reshape(-1));
        for (int layer = 0; layer < decoder_blocks!.Count; layer++) x = decoder_blocks[layer].Forward(x, bias, batch, cache, source, layer);
        cache.Advance(length);
        Tensor last = x.view(batch, length, -1)[.., ^1];   // (B, C)
        return scope.MoveToOuter(Scores(decoder_norm!.forward(last)).to(ScalarType.Float32));
    }

    /// <summary>The encoder's last hidden states, of the tokens that are there, (M, C).</summary>
    private (Tensor States, PackedSequences Sources) Encode(Tensor ids, ModelInput input, LayerTrace trace)
    {
        PackedSequences sources = PackedSequences.OfMask(input.AttentionMask, ids);
        return (Run(ids, sources, _bothWays, encoder_positions, encoder_blocks, encoder_norm, null, null, trace), sources);
    }

    /// <summary>The decoder's last hidden states, of the tokens that are there, (N, C).</summary>
    private (Tensor Rows, PackedSequences Sequences) Decode(ModelInput input, LayerTrace read, LayerTrace written)
    {
        var (ids, decoderIds) = InputRules.Pair(input, ModelType, VocabSize, VocabSize, ContextLength);
        var (states, sources) = Encode(ids, input, read);
        PackedSequences sequences = PackedSequences.OfMask(input.DecoderAttentionMask, decoderIds);
        return (Run(decoderIds, sequences, _backwards, decoder_positions!, decoder_blocks!, decoder_norm!, states, sources, written), sequences);
    }

    private Tensor Run(Tensor ids, PackedSequences sequences, T5Positions positions, Parameter table, ModuleList<T5Block> blocks, RmsNorm norm, Tensor? source, PackedSequences? sources, LayerTrace trace)
    {
        Tensor x = Drop(token_embedding.index_select(0, sequences.Pack(ids)));                   // (N, C)
        Tensor bias = positions.Bias(table, sequences.MaxLength, sequences.MaxLength);           // (1, H, T, T), the same in all blocks
        trace.Hidden(x, sequences);
        for (int layer = 0; layer < blocks.Count; layer++)
        {
            T5Block block = blocks[layer];
            if (!RecomputeActivations || trace.WantsAttentions) x = block.Forward(x, bias, sequences, source, sources, trace);
            else if (source is null) x = Recomputation.Apply(given => block.Forward(given[0], given[1], sequences, null, null, trace), x, bias);
            else x = Recomputation.Apply(given => block.Forward(given[0], given[1], sequences, given[2], sources, trace), x, bias, source);
            if (layer + 1 < blocks.Count || trace.WantsStream) trace.Hidden(x, sequences);
        }
        x = Drop(norm.forward(x));
        if (!trace.WantsStream) trace.Hidden(x, sequences);   // as transformers does, the last one normalized
        return x;
    }

    /// <summary>(N, C) → (N, V); a tied head is the token embedding, of larger values than a map, which the scale makes good.</summary>
    private Tensor Scores(Tensor rows)
    {
        rows = Scaled(rows);
        return token_head?.Forward(rows) ?? head!.forward(rows);
    }

    private Tensor Scaled(Tensor rows) => Config.IsHeadScaled ? rows * Math.Pow(Config.EmbeddingDim, -0.5) : rows;

    private Tensor Drop(Tensor x) => training && Config.Dropout > 0 ? CounterDropout.Apply(x, Config.Dropout) : x;

    private void RequireDecoder()
    {
        if (Head != ModelHead.SequenceToSequence) throw new InvalidOperationException($"A model with the head {Head} has no decoder.");
    }

    /// <summary>As the reference's: matrices by their inputs' width, and queries by the head's too, in the place of a scale of scores.</summary>
    private void Initialize(Func<string, bool> chosen, Generator? generator)
    {
        double width = Math.Pow(Config.EmbeddingDim, -0.5), head = Math.Pow(Config.HeadDim, -0.5);
        InitialValues.Set(this, name => Config.InitializerFactor * (name.Split('.')[^(name.EndsWith(".weight", StringComparison.Ordinal) ? 2 : 1)] switch
        {
            nameof(token_embedding) or nameof(this.head) => 1,
            "query" or "cross_query" => width * head,
            "attention_output" or "cross_output" => head * Math.Pow(Config.HeadCount, -0.5),
            "down" => Math.Pow(Config.FeedForwardDim, -0.5),
            _ => width,
        }), chosen, generator);
    }
}
