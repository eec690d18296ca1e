// ELECTRA: "Pre-training Text Encoders as Discriminators Rather Than Generators" (Clark et al. 2020); a reference in PyTorch is
// transformers' models/electra/modeling_electra.py.
// B sequences, T tokens of the longest, N rows (the tokens that are there), C embedding, V vocabulary
//
//   ids ─► token + position + segment embedding ─► norm ─► map ─► [attention ─► + ─► norm ─► feed-forward ─► + ─► norm] × layers ─► head
using System.Text.Json.Nodes;
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Models.Electra;

/// <summary>
/// An ELECTRA encoder with one of its heads: a generator with that of masked language, a discriminator with that of replaced tokens. Padding is not computed: the tokens of a batch are packed at the entry and spread out at the exit, where
/// positions without a token are zero.
/// </summary>
public sealed class ElectraModel : nn.Module, IMaskedLanguageModel, IWeightNames
{
    internal readonly PostNormEncoder encoder;
    internal readonly Projection? detector, classifier;
    internal readonly ClassificationHead? sequence_classifier;
    internal readonly VocabularyHead? prediction;

    /// <summary>Creates a model with BERT's initial values.</summary>
    /// <param name="config">The architecture.</param>
    /// <param name="head">What is computed from the last hidden states.</param>
    /// <param name="generator">Where initial values are drawn from; torch's default generator if null.</param>
    /// <exception cref="ArgumentException">The architecture is not valid, or ELECTRA has no such head.</exception>
    public ElectraModel(ElectraConfig config, ModelHead head = ModelHead.MaskedLanguageModel, Generator? generator = null) : this(config, head, initialize: true, generator)
    {
    }

    internal ElectraModel(ElectraConfig config, ModelHead head, bool initialize, Generator? generator = null, ElectraModel? sharing = null) : base(nameof(ElectraModel))
    {
        config.Validate();
        if (ElectraWeights.Architectures.All(a => a.Head != head))
            throw new ArgumentException($"An ElectraModel has no head {head}; it has {string.Join(", ", ElectraWeights.Architectures.Select(a => a.Head))}.", nameof(head));
        (Config, Head) = (config, head);
        long c = config.EmbeddingDim;
        encoder = new PostNormEncoder(config.ToEncoder(), sharing?.encoder);
        if (head is ModelHead.ReplacedTokenDetection) (detector, classifier) = (new Projection(c, c), new Projection(c, 1));
        if (head is ModelHead.MaskedLanguageModel) prediction = new VocabularyHead(c, config.TokenDim, config.VocabSize, Activation.Gelu, config.NormEpsilon);
        if (head is ModelHead.SequenceClassification) sequence_classifier = new ClassificationHead(c, config.LabelCount, Activation.Gelu, config.ClassifierDropout ?? config.Dropout);
        if (head is ModelHead.TokenClassification) classifier = new Projection(c, config.LabelCount);
        if (head is ModelHead.QuestionAnswering) classifier = new Projection(c, 2);
        RegisterComponents();
        if (initialize) Initialize(name => sharing is null || !IsEmbedding(name), generator);
    }

    /// <summary>The architecture.</summary>
    public ElectraConfig Config { get; }

    /// <inheritdoc/>
    public string ModelType => "electra";

    /// <inheritdoc/>
    public ModelHead Head { get; }

    /// <inheritdoc/>
    public int VocabSize => Config.VocabSize;

    /// <inheritdoc/>
    public int ContextLength => Config.ContextLength;

    /// <inheritdoc/>
    public Device Device => encoder.token_embedding.device;

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
    public static ElectraModel FromPretrained(string folder, ModelHead? head = null, Generator? generator = null, HeadOptions? options = null)
    {
        ConfigReader json = ConfigReader.OfFolder(folder, options);
        ElectraConfig config = ElectraWeights.ToConfig(json);
        ModelHead chosen = head ?? json.HeadOf(ElectraWeights.Architectures, ModelHead.None);
        return PretrainedFolder.Load(folder, json, [.. ElectraWeights.Table(config, chosen)], ElectraWeights.IsIgnored, missing =>
        {
            var model = new ElectraModel(config, chosen, initialize: false);
            model.Initialize(missing.Contains, generator);
            return model;
        }, ElectraWeights.IsOfHead);
    }

    IEnumerable<WeightRow> IWeightNames.Weights => Weights;

    private IEnumerable<WeightRow> Weights => ElectraWeights.Table(Config, Head);

    /// <inheritdoc/>
    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null) =>
        PretrainedFolder.Save(this, Weights, ToConfigJson(), folder, weights);

    /// <inheritdoc/>
    public void LoadPretrained(string folder) => PretrainedFolder.LoadInto(this, folder, [.. Weights], ElectraWeights.IsIgnored);

    /// <inheritdoc/>
    public JsonObject ToConfigJson() => ElectraWeights.ToConfigJson(Config, Head);

    /// <inheritdoc/>
    public ModelOutput Forward(ModelInput input)
    {
        using DisposeScope scope = NewDisposeScope();
        var trace = new LayerTrace(input.WantHiddenStates, input.WantAttentions, input.WantValues);
        var (rows, sequences) = Encode(input, trace);
        Tensor logits = Head switch
        {
            ModelHead.MaskedLanguageModel => sequences.Unpack(Predict(rows)),                      // (B, T, V)
            ModelHead.ReplacedTokenDetection => sequences.Unpack(Detect(rows)),                    // (B, T)
            ModelHead.SequenceClassification => sequence_classifier!.forward(rows.index_select(0, sequences.FirstRows(rows.device))),   // (B, labels)
            ModelHead.TokenClassification => sequences.Unpack(classifier!.forward(Drop(rows))),    // (B, T, labels)
            ModelHead.QuestionAnswering => sequences.Unpack(classifier!.forward(rows)),            // (B, T, 2): start, end
            _ => sequences.Unpack(rows),                                                            // (B, T, C)
        };
        return ModelOutput.Leave(scope, new() { Logits = logits, HiddenStates = trace.HiddenStates, Attentions = trace.Attentions, Values = trace.Values });
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The model has another head.</exception>
    public Tensor Loss(ModelInput input, Tensor targets, double normalizer)
    {
        if (prediction is null) throw new InvalidOperationException($"A model with the head {Head} predicts no tokens.");
        using DisposeScope scope = NewDisposeScope();
        var (rows, sequences) = Encode(input, new LayerTrace(false, false));
        var (places, classes) = MaskedTargets.Select(sequences.Pack(targets));
        return scope.MoveToOuter(prediction.Loss(rows.index_select(0, places), encoder.token_embedding, classes, normalizer, MaxScoreBytes));
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The model has another head.</exception>
    public Tensor Scores(ModelInput input, Tensor targets)
    {
        if (prediction is null) throw new InvalidOperationException($"A model with the head {Head} predicts no tokens.");
        using DisposeScope scope = NewDisposeScope();
        var (rows, sequences) = Encode(input, new LayerTrace(false, false));
        var (places, _) = MaskedTargets.Select(sequences.Pack(targets));
        return scope.MoveToOuter(Predict(rows.index_select(0, places)));
    }

    /// <summary>The last hidden states of the tokens that are there, (N, C).</summary>
    private (Tensor Rows, PackedSequences Sequences) Encode(ModelInput input, LayerTrace trace)
    {
        Tensor ids = InputRules.Ids(input, ModelType, Config.VocabSize, Config.ContextLength, knowsTypes: true);
        PackedSequences sequences = PackedSequences.OfMask(input.AttentionMask, ids);
        Tensor? types = input.TokenTypeIds is { } given ? sequences.Pack(InputRules.Types(given, ids, Config.TokenTypeCount)) : null;
        return (encoder.Forward(sequences.Pack(ids), sequences.Columns(ids.device), types, sequences, AttentionMask.None, trace, RecomputeActivations), sequences);
    }

    /// <summary>(N, C) → (N, V).</summary>
    private Tensor Predict(Tensor rows) => prediction!.Forward(rows, encoder.token_embedding);

    /// <summary>(N, C) → (N): above 0 where a token seems replaced.</summary>
    private Tensor Detect(Tensor rows) => classifier!.forward(Activations.Apply(Config.Activation, detector!.Product(rows), detector.bias)).squeeze(-1);

    private Tensor Drop(Tensor x) => training && (Config.ClassifierDropout ?? Config.Dropout) is > 0 and var dropout ? CounterDropout.Apply(x, dropout) : x;

    /// <summary>Whether a parameter is one that generator and discriminator share.</summary>
    private static bool IsEmbedding(string name) => name.Contains("_embedding", StringComparison.Ordinal) || name.Contains("embedding_norm", StringComparison.Ordinal);

    private void Initialize(Func<string, bool> chosen, Generator? generator)
    {
        InitialValues.Set(this, Config.InitializerRange, chosen, generator);
        if (chosen("encoder.token_embedding")) InitialValues.ClearRow(encoder.token_embedding, Config.PaddingId);
    }
}
