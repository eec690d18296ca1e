// ModernBERT: "Smarter, Better, Faster, Longer: A Modern Bidirectional Encoder" (Warner et al. 2024); a reference in PyTorch is
// transformers' models/modernbert/modeling_modernbert.py.
// B sequences, T tokens of the longest, N rows (the tokens that are there), C embedding, H heads, D width of a head, V vocabulary
//
//   ids ─► token embedding ─► norm ─► x ──┬─► norm ─► attention ──► + ──┬─► norm ─► gated feed-forward ─► + ─► … ─► norm ─► head
//                                         └──────── residual ───────┘   └──────────── residual ───────────┘
using System.Text.Json.Nodes;
using PreTrain.Modules;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Models.ModernBert;

/// <summary>One block: rotary attention to all tokens or to a window, and a gated feed-forward layer, each on the normalized residual stream; no biases.</summary>
internal sealed class ModernBertBlock : nn.Module
{
    internal readonly Norm? attention_norm;   // the first block's input is normalized already
    internal readonly Norm feed_forward_norm;
    internal readonly Projection qkv, attention_output, feed_forward_input, feed_forward_output;
    private readonly ModernBertConfig _config;

    internal ModernBertBlock(ModernBertConfig config, bool first) : base(nameof(ModernBertBlock))
    {
        _config = config;
        long c = config.EmbeddingDim;
        if (!first) attention_norm = new Norm(c, config.NormEpsilon, hasBias: false);
        qkv = new Projection(c, 3 * c, hasBias: false);
        attention_output = new Projection(c, c, hasBias: false);
        feed_forward_norm = new Norm(c, config.NormEpsilon, hasBias: false);
        feed_forward_input = new Projection(c, 2 * config.FeedForwardDim, hasBias: false);
        feed_forward_output = new Projection(config.FeedForwardDim, c, hasBias: false);
        RegisterComponents();
    }

    /// <summary>(N, C) → (N, C).</summary>
    internal Tensor Forward(Tensor x, Tensor positions, RotaryTable rotary, PackedSequences sequences, AttentionMask mask, LayerTrace trace)
    {
        using DisposeScope scope = NewDisposeScope();
        double dropout = training ? _config.AttentionDropout : 0;
        Tensor[] parts = qkv.forward(attention_norm is null ? x : attention_norm.forward(x)).chunk(3, -1);   // (N, C) each
        int highest = _config.ContextLength - 1;
        var (attended, weights, values) = Attention.Apply(rotary.Apply(parts[0], positions, highest), rotary.Apply(parts[1], positions, highest), parts[2], sequences, sequences, mask,
            new AttentionOptions { HeadCount = _config.HeadCount, Dropout = dropout, WantWeights = trace.WantsAttentions });
        trace.Attention(weights, values);
        x += Drop(attention_output.forward(attended), dropout);
        Tensor inner = GatedActivation.ApplyHalves(Activation.Gelu, feed_forward_input.forward(feed_forward_norm.forward(x)));   // (N, inner)
        return scope.MoveToOuter(x + feed_forward_output.forward(Drop(inner, training ? _config.FeedForwardDropout : 0)));
    }

    private static Tensor Drop(Tensor x, double dropout) => dropout > 0 ? CounterDropout.Apply(x, dropout) : x;
}

/// <summary>A ModernBERT encoder with one of its heads. Padding is not computed, and local attention only inside its window.</summary>
public sealed class ModernBertModel : nn.Module, IMaskedLanguageModel, IWeightNames
{
    internal readonly Parameter token_embedding;
    internal readonly Norm embedding_norm, final_norm;
    internal readonly ModuleList<ModernBertBlock> blocks;
    internal readonly Projection? transform, classifier;
    internal readonly Norm? transform_norm;
    internal readonly Parameter? prediction_bias;
    private readonly RotaryTable _global, _local;
    private readonly AttentionMask _window;

    /// <summary>Creates a model with initial values.</summary>
    /// <param name="config">The architecture.</param>
    /// <param name="head">What is computed from the last hidden states.</param>
    /// <param name="generator">Where initial values are drawn from; torch's default generator if null.</param>
    /// <exception cref="ArgumentException">The architecture is not valid, or ModernBERT has no such head.</exception>
    public ModernBertModel(ModernBertConfig config, ModelHead head = ModelHead.MaskedLanguageModel, Generator? generator = null) : this(config, head, initialize: true, generator)
    {
    }

    internal ModernBertModel(ModernBertConfig config, ModelHead head, bool initialize, Generator? generator = null) : base(nameof(ModernBertModel))
    {
        config.Validate();
        if (ModernBertWeights.Architectures.All(a => a.Head != head))
            throw new ArgumentException($"A ModernBertModel has no head {head}; it has {string.Join(", ", ModernBertWeights.Architectures.Select(a => a.Head))}.", nameof(head));
        (Config, Head) = (config, head);
        long c = config.EmbeddingDim;
        token_embedding = new Parameter(empty([config.VocabSize, c], dtype: ScalarType.Float32));
        embedding_norm = new Norm(c, config.NormEpsilon, hasBias: false);
        blocks = new ModuleList<ModernBertBlock>([.. Enumerable.Range(0, config.LayerCount).Select(layer => new ModernBertBlock(config, layer == 0))]);
        final_norm = new Norm(c, config.NormEpsilon, hasBias: false);
        if (head != ModelHead.None)
        {
            transform = new Projection(c, c, hasBias: false);
            transform_norm = new Norm(c, config.NormEpsilon, hasBias: false);
        }
        if (head == ModelHead.MaskedLanguageModel) prediction_bias = new Parameter(empty([config.VocabSize], dtype: ScalarType.Float32));
        else if (head != ModelHead.None) classifier = new Projection(c, head == ModelHead.QuestionAnswering ? 2 : config.LabelCount);
        RegisterComponents();
        (_global, _local) = (new RotaryTable(config.HeadDim, config.GlobalRotaryBase), new RotaryTable(config.HeadDim, config.LocalRotaryBase));
        _window = AttentionMask.Window(config.LocalWindow / 2, config.LocalWindow / 2);
        if (initialize) Initialize(_ => true, generator);
    }

    /// <summary>The architecture.</summary>
    public ModernBertConfig Config { get; }

    /// <inheritdoc/>
    public string ModelType => "modernbert";

    /// <inheritdoc/>
    public ModelHead Head { get; }

    /// <inheritdoc/>
    public int VocabSize => Config.VocabSize;

    /// <inheritdoc/>
    public int ContextLength => Config.ContextLength;

    /// <inheritdoc/>
    public Device Device => token_embedding.device;

    /// <inheritdoc/>
    public bool RecomputeActivations { get; set; }

    /// <inheritdoc/>
    public long MaxScoreBytes { get; set; } = ChunkedCrossEntropy.DefaultBytes;

    /// <summary>Loads a folder as <see cref="SavePretrained"/> and Hugging Face transformers write it.</summary>
    /// <param name="folder">Holds <c>config.json</c> and <c>model.safetensors</c>.</param>
    /// <param name="head">The head; null for the one that the folder was saved with. A classifier that the folder lacks is initialized.</param>
    /// <param name="generator">Where the initial values of a missing classifier are drawn from.</param>
    /// <param name="options">What the head is to tell; null for what the folder says. A classifier of other labels is initialized.</param>
    /// <returns>The model, in evaluation mode as transformers gives it; <see cref="Training.Trainer"/> trains it all the same.</returns>
    /// <exception cref="Checkpoints.CheckpointException">A file is missing or broken, or its tensors do not fit; all misfits are named together.</exception>
    public static ModernBertModel FromPretrained(string folder, ModelHead? head = null, Generator? generator = null, HeadOptions? options = null)
    {
        ConfigReader json = ConfigReader.OfFolder(folder, options);
        ModernBertConfig config = ModernBertWeights.ToConfig(json);
        ModelHead chosen = head ?? json.HeadOf(ModernBertWeights.Architectures, ModelHead.None);
        return PretrainedFolder.Load(folder, json, [.. ModernBertWeights.Table(config, chosen)], ModernBertWeights.IsIgnored, missing =>
        {
            var model = new ModernBertModel(config, chosen, initialize: false);
            model.Initialize(missing.Contains, generator);
            return model;
        }, row => ModernBertWeights.IsOfHead(row, chosen));
    }

    IEnumerable<WeightRow> IWeightNames.Weights => Weights;

    private IEnumerable<WeightRow> Weights => ModernBertWeights.Table(Config, Head);

    /// <inheritdoc/>
    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null) =>
        PretrainedFolder.Save(this, Weights, ToConfigJson(), folder, weights);

    /// <inheritdoc/>
    public void LoadPretrained(string folder) => PretrainedFolder.LoadInto(this, folder, [.. Weights], ModernBertWeights.IsIgnored);

    /// <inheritdoc/>
    public JsonObject ToConfigJson() => ModernBertWeights.ToConfigJson(Config, Head);

    /// <inheritdoc/>
    public ModelOutput Forward(ModelInput input)
    {
        using DisposeScope scope = NewDisposeScope();
        var trace = new LayerTrace(input.WantHiddenStates, input.WantAttentions, input.WantValues);
        var (rows, sequences) = Encode(input, trace);
        Tensor logits = Head switch
        {
            ModelHead.MaskedLanguageModel => sequences.Unpack(Predict(rows)),                                          // (B, T, V)
            ModelHead.SequenceClassification => classifier!.forward(Drop(Transform(Pool(rows, sequences)))),          // (B, labels)
            ModelHead.TokenClassification or ModelHead.QuestionAnswering =>
                sequences.Unpack(classifier!.forward(Drop(Transform(rows)))),                                          // (B, T, labels); of answers start and end
            _ => sequences.Unpack(rows),                                                                               // (B, T, C)
        };
        return ModelOutput.Leave(scope, new() { Logits = logits, HiddenStates = trace.HiddenStates, Attentions = trace.Attentions, Values = trace.Values });
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The model has another head.</exception>
    public Tensor Loss(ModelInput input, Tensor targets, double normalizer)
    {
        if (prediction_bias is null) throw new InvalidOperationException($"A model with the head {Head} predicts no tokens.");
        using DisposeScope scope = NewDisposeScope();
        var (rows, sequences) = Encode(input, new LayerTrace(false, false));
        var (places, classes) = MaskedTargets.Select(sequences.Pack(targets));
        return scope.MoveToOuter(ChunkedCrossEntropy.Apply(Transform(rows.index_select(0, places)), token_embedding, prediction_bias, classes, normalizer, MaxScoreBytes));
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The model has another head.</exception>
    public Tensor Scores(ModelInput input, Tensor targets)
    {
        if (prediction_bias is null) throw new InvalidOperationException($"A model with the head {Head} predicts no tokens.");
        using DisposeScope scope = NewDisposeScope();
        var (rows, sequences) = Encode(input, new LayerTrace(false, false));
        var (places, _) = MaskedTargets.Select(sequences.Pack(targets));
        return scope.MoveToOuter(Predict(rows.index_select(0, places)));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _global.Dispose();
            _local.Dispose();
        }
        base.Dispose(disposing);
    }

    /// <summary>The last hidden states of the tokens that are there, normalized, (N, C).</summary>
    private (Tensor Rows, PackedSequences Sequences) Encode(ModelInput input, LayerTrace trace)
    {
        Tensor ids = InputRules.Ids(input, ModelType, VocabSize, ContextLength, knowsTypes: false);
        PackedSequences sequences = PackedSequences.OfMask(input.AttentionMask, ids);
        Tensor positions = sequences.Columns(ids.device);
        Tensor x = embedding_norm.forward(token_embedding.index_select(0, sequences.Pack(ids)));   // (N, C)
        if (training && Config.EmbeddingDropout > 0) x = CounterDropout.Apply(x, Config.EmbeddingDropout);
        trace.Hidden(x, sequences);
        for (int layer = 0; layer < blocks.Count; layer++)
        {
            ModernBertBlock block = blocks[layer];
            var (rotary, mask) = Config.IsGlobal(layer) ? (_global, AttentionMask.None) : (_local, _window);
            x = RecomputeActivations && !trace.WantsAttentions
                ? Recomputation.Apply(inputs => block.Forward(inputs[0], inputs[1], rotary, sequences, mask, trace), x, positions)
                : block.Forward(x, positions, rotary, sequences, mask, trace);
            if (layer + 1 < blocks.Count) trace.Hidden(x, sequences);
        }
        x = final_norm.forward(x);
        trace.Hidden(x, sequences);   // as transformers does, the last one normalized
        return (x, sequences);
    }

    /// <summary>(N, C) → (N, V); the map to the vocabulary is the token embedding (Press and Wolf 2017).</summary>
    private Tensor Predict(Tensor rows) => WeightProduct.Apply(Transform(rows), token_embedding, prediction_bias);

    private Tensor Transform(Tensor rows) => transform_norm!.forward(nn.functional.gelu(transform!.forward(rows)));

    /// <summary>(N, C) → (B, C).</summary>
    private Tensor Pool(Tensor rows, PackedSequences sequences)
    {
        if (!Config.UsesMeanPooling) return rows.index_select(0, sequences.FirstRows(rows.device));
        Tensor counts = tensor(sequences.Lengths.ToArray(), dtype: rows.dtype, device: rows.device).unsqueeze(-1);
        return sequences.Unpack(rows).sum(dim: 1) / counts;
    }

    private Tensor Drop(Tensor x) => training && Config.ClassifierDropout > 0 ? CounterDropout.Apply(x, Config.ClassifierDropout) : x;

    private void Initialize(Func<string, bool> chosen, Generator? generator)
    {
        InitialValues.Set(this, Config.InitializerRange, chosen, generator);
        if (chosen(nameof(token_embedding))) InitialValues.ClearRow(token_embedding, Config.PaddingId);
    }
}
