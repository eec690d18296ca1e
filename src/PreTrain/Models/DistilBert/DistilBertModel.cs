// DistilBERT: "DistilBERT, a distilled version of BERT: smaller, faster, cheaper and lighter" (Sanh et al. 2019); a reference in PyTorch is
// transformers' models/distilbert/modeling_distilbert.py.
// B sequences, T tokens of the longest, N rows (the tokens that are there), C embedding, V vocabulary
//
//   ids ─► token + position embedding ─► norm ─► [attention ─► + ─► norm ─► feed-forward ─► + ─► norm] × layers ─► head
using System.Text.Json.Nodes;
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Models.DistilBert;

/// <summary>
/// A DistilBERT encoder with one of its heads. Padding is not computed: the tokens of a batch are packed at the entry and spread out at the exit, where
/// positions without a token are zero.
/// </summary>
public sealed class DistilBertModel : nn.Module, IMaskedLanguageModel, IWeightNames
{
    internal readonly PostNormEncoder encoder;
    internal readonly Projection? pre_classifier, classifier;
    internal readonly VocabularyHead? prediction;

    /// <summary>Creates a model with BERT's initial values.</summary>
    /// <param name="config">The architecture.</param>
    /// <param name="head">What is computed from the last hidden states.</param>
    /// <param name="generator">Where initial values are drawn from; torch's default generator if null.</param>
    /// <exception cref="ArgumentException">The architecture is not valid, or DistilBERT has no such head.</exception>
    public DistilBertModel(DistilBertConfig config, ModelHead head = ModelHead.MaskedLanguageModel, Generator? generator = null) : this(config, head, initialize: true, generator)
    {
    }

    internal DistilBertModel(DistilBertConfig config, ModelHead head, bool initialize, Generator? generator = null) : base(nameof(DistilBertModel))
    {
        config.Validate();
        if (DistilBertWeights.Architectures.All(a => a.Head != head))
            throw new ArgumentException($"A DistilBertModel has no head {head}; it has {string.Join(", ", DistilBertWeights.Architectures.Select(a => a.Head))}.", nameof(head));
        (Config, Head) = (config, head);
        long c = config.EmbeddingDim;
        encoder = new PostNormEncoder(config.ToEncoder());
        if (head is ModelHead.MaskedLanguageModel) prediction = new VocabularyHead(c, c, config.VocabSize, config.Activation, DistilBertConfig.NormEpsilon);
        if (head is ModelHead.SequenceClassification) pre_classifier = new Projection(c, c);
        if (head is ModelHead.SequenceClassification or ModelHead.TokenClassification) classifier = new Projection(c, config.LabelCount);
        if (head is ModelHead.QuestionAnswering) classifier = new Projection(c, 2);
        RegisterComponents();
        if (initialize) Initialize(_ => true, generator);
    }

    /// <summary>The architecture.</summary>
    public DistilBertConfig Config { get; }

    /// <inheritdoc/>
    public string ModelType => "distilbert";

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
    public static DistilBertModel FromPretrained(string folder, ModelHead? head = null, Generator? generator = null, HeadOptions? options = null)
    {
        ConfigReader json = ConfigReader.OfFolder(folder, options);
        DistilBertConfig config = DistilBertWeights.ToConfig(json);
        ModelHead chosen = head ?? json.HeadOf(DistilBertWeights.Architectures, ModelHead.None);
        return PretrainedFolder.Load(folder, json, [.. DistilBertWeights.Table(config, chosen)], DistilBertWeights.IsIgnored, missing =>
        {
            var model = new DistilBertModel(config, chosen, initialize: false);
            model.Initialize(missing.Contains, generator);
            return model;
        }, DistilBertWeights.IsOfHead);
    }

    IEnumerable<WeightRow> IWeightNames.Weights => Weights;

    private IEnumerable<WeightRow> Weights => DistilBertWeights.Table(Config, Head);

    /// <inheritdoc/>
    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null) =>
        PretrainedFolder.Save(this, Weights, ToConfigJson(), folder, weights);

    /// <inheritdoc/>
    public void LoadPretrained(string folder) => PretrainedFolder.LoadInto(this, folder, [.. Weights], DistilBertWeights.IsIgnored);

    /// <inheritdoc/>
    public JsonObject ToConfigJson() => DistilBertWeights.ToConfigJson(Config, Head);

    /// <inheritdoc/>
    public ModelOutput Forward(ModelInput input)
    {
        using DisposeScope scope = NewDisposeScope();
        var trace = new LayerTrace(input.WantHiddenStates, input.WantAttentions, input.WantValues);
        var (rows, sequences) = Encode(input, trace);
        Tensor logits = Head switch
        {
            ModelHead.MaskedLanguageModel => sequences.Unpack(Predict(rows)),                                                       // (B, T, V)
            ModelHead.SequenceClassification => Classify(rows.index_select(0, sequences.FirstRows(rows.device))),                  // (B, labels)
            ModelHead.TokenClassification => sequences.Unpack(classifier!.forward(Drop(rows, Config.Dropout))),                    // (B, T, labels)
            ModelHead.QuestionAnswering => sequences.Unpack(classifier!.forward(Drop(rows, Config.AnswerDropout))),                // (B, T, 2): start, end
            _ => sequences.Unpack(rows),                                                                                            // (B, T, C)
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
        Tensor ids = InputRules.Ids(input, ModelType, Config.VocabSize, Config.ContextLength, knowsTypes: false);
        PackedSequences sequences = PackedSequences.OfMask(input.AttentionMask, ids);
        return (encoder.Forward(sequences.Pack(ids), sequences.Columns(ids.device), types: null, sequences, AttentionMask.None, trace, RecomputeActivations), sequences);
    }

    /// <summary>(N, C) → (N, V).</summary>
    private Tensor Predict(Tensor rows) => prediction!.Forward(rows, encoder.token_embedding);

    /// <summary>(B, C) → (B, labels).</summary>
    private Tensor Classify(Tensor first) =>
        classifier!.forward(Drop(Activations.Apply(Activation.Relu, pre_classifier!.Product(first), pre_classifier.bias), Config.ClassifierDropout));

    private Tensor Drop(Tensor x, double probability) => training && probability > 0 ? CounterDropout.Apply(x, probability) : x;

    private void Initialize(Func<string, bool> chosen, Generator? generator)
    {
        InitialValues.Set(this, Config.InitializerRange, chosen, generator);
        if (chosen("encoder.token_embedding")) InitialValues.ClearRow(encoder.token_embedding, Config.PaddingId);
    }
}
