// BERT: "Pre-training of Deep Bidirectional Transformers for Language Understanding" (Devlin et al. 2019); a reference in PyTorch is
// transformers' models/bert/modeling_bert.py.
// B sequences, T tokens of the longest, N rows (the tokens that are there), C embedding, V vocabulary
//
//   ids ─► token + position + segment embedding ─► norm ─► [attention ─► + ─► norm ─► feed-forward ─► + ─► norm] × layers ─► head
using System.Text.Json.Nodes;
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Models.Bert;

/// <summary>
/// A BERT encoder with one of its heads. Padding is not computed: the tokens of a batch are packed at the entry and spread out at the exit, where
/// positions without a token are zero.
/// </summary>
public sealed class BertModel : nn.Module, ISentencePairModel, IWeightNames, IVirtualTokens
{
    internal readonly PostNormEncoder encoder;
    internal readonly Projection? pooler, next_sentence, classifier;
    internal readonly VocabularyHead? prediction;

    /// <summary>Creates a model with BERT's initial values.</summary>
    /// <param name="config">The architecture.</param>
    /// <param name="head">What is computed from the last hidden states.</param>
    /// <param name="generator">Where initial values are drawn from; torch's default generator if null.</param>
    /// <exception cref="ArgumentException">The architecture is not valid, or BERT has no such head.</exception>
    public BertModel(BertConfig config, ModelHead head = ModelHead.MaskedLanguageModel, Generator? generator = null) : this(config, head, initialize: true, generator)
    {
    }

    internal BertModel(BertConfig config, ModelHead head, bool initialize, Generator? generator = null) : base(nameof(BertModel))
    {
        config.Validate();
        if (BertWeights.Architectures.All(a => a.Head != head))
            throw new ArgumentException($"A BertModel has no head {head}; it has {string.Join(", ", BertWeights.Architectures.Select(a => a.Head))}.", nameof(head));
        (Config, Head) = (config, head);
        long c = config.EmbeddingDim;
        encoder = new PostNormEncoder(config.ToEncoder());
        if (HasPooler(head)) pooler = new Projection(c, c);
        if (head is ModelHead.MaskedLanguageModel or ModelHead.PreTraining) prediction = new VocabularyHead(c, c, config.VocabSize, config.Activation, config.NormEpsilon);
        if (head is ModelHead.NextSentence or ModelHead.PreTraining) next_sentence = new Projection(c, 2);
        if (head is ModelHead.SequenceClassification or ModelHead.TokenClassification) classifier = new Projection(c, config.LabelCount);
        if (head is ModelHead.QuestionAnswering) classifier = new Projection(c, 2);
        RegisterComponents();
        if (initialize) Initialize(_ => true, generator);
    }

    /// <summary>The architecture.</summary>
    public BertConfig Config { get; }

    /// <inheritdoc/>
    public string ModelType => "bert";

    /// <inheritdoc/>
    public ModelHead Head { get; }

    /// <inheritdoc/>
    public int VocabSize => Config.VocabSize;

    /// <inheritdoc/>
    public int ContextLength => Config.ContextLength - VirtualTokens.Count(encoder.Prompt, PrefixedBlocks[0].Prefix);

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
    public static BertModel FromPretrained(string folder, ModelHead? head = null, Generator? generator = null, HeadOptions? options = null)
    {
        ConfigReader json = ConfigReader.OfFolder(folder, options);
        BertConfig config = BertWeights.ToConfig(json);
        ModelHead chosen = head ?? json.HeadOf(BertWeights.Architectures, ModelHead.None);
        return PretrainedFolder.Load(folder, json, [.. BertWeights.Table(config, chosen)], BertWeights.IsIgnored, missing =>
        {
            var model = new BertModel(config, chosen, initialize: false);
            model.Initialize(missing.Contains, generator);
            return model;
        }, BertWeights.IsOfHead);
    }

    IEnumerable<WeightRow> IWeightNames.Weights => Weights;

    SoftPrompt? IVirtualTokens.Prompt { get => encoder.Prompt; set => encoder.Prompt = value; }

    IReadOnlyList<IPrefixedBlock> IVirtualTokens.PrefixedBlocks => PrefixedBlocks;

    TorchSharp.Modules.Parameter IVirtualTokens.TokenTable => encoder.token_embedding;

    int IVirtualTokens.KeyValueHeadCount => Config.HeadCount;

    int IVirtualTokens.KeyValueHeadDim => Config.HeadDim;

    bool IVirtualTokens.HasWindow => false;

    private IReadOnlyList<IPrefixedBlock> PrefixedBlocks => [.. encoder.blocks];

    private IEnumerable<WeightRow> Weights => BertWeights.Table(Config, Head);

    /// <inheritdoc/>
    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null) =>
        PretrainedFolder.Save(this, Weights, ToConfigJson(), folder, weights);

    /// <inheritdoc/>
    public void LoadPretrained(string folder) => PretrainedFolder.LoadInto(this, folder, [.. Weights], BertWeights.IsIgnored);

    /// <inheritdoc/>
    public JsonObject ToConfigJson() => BertWeights.ToConfigJson(Config, Head);

    /// <inheritdoc/>
    public ModelOutput Forward(ModelInput input)
    {
        using DisposeScope scope = NewDisposeScope();
        var trace = new LayerTrace(input.WantHiddenStates, input.WantAttentions, input.WantValues);
        var (rows, sequences) = Encode(input, trace);
        Tensor? pooled = pooler is null ? null : tanh(pooler.forward(rows.index_select(0, sequences.FirstRows(rows.device))));   // (B, C)
        Tensor logits = Head switch
        {
            ModelHead.MaskedLanguageModel or ModelHead.PreTraining => Tokens(Predict(rows)),                            // (B, T, V)
            ModelHead.NextSentence => next_sentence!.forward(pooled!),                                                           // (B, 2)
            ModelHead.SequenceClassification => classifier!.forward(Drop(pooled!)),                                              // (B, labels)
            ModelHead.TokenClassification => Tokens(classifier!.forward(Drop(rows))),                                  // (B, T, labels)
            ModelHead.QuestionAnswering => Tokens(classifier!.forward(rows)),                                          // (B, T, 2): start, end
            _ => Tokens(rows),                                                                                          // (B, T, C)
        };
        Tensor? second = Head == ModelHead.PreTraining ? next_sentence!.forward(pooled!) : null;
        return ModelOutput.Leave(scope, new() { Logits = logits, SecondLogits = second, Pooled = pooled, HiddenStates = trace.HiddenStates, Attentions = trace.Attentions, Values = trace.Values });

        Tensor Tokens(Tensor all) => VirtualTokens.Drop(encoder.Prompt, sequences.Unpack(all));
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The model has another head.</exception>
    public Tensor Loss(ModelInput input, Tensor targets, double normalizer)
    {
        if (prediction is null) throw new InvalidOperationException($"A model with the head {Head} predicts no tokens.");
        using DisposeScope scope = NewDisposeScope();
        var (rows, sequences) = Encode(input, new LayerTrace(false, false));
        var (places, classes) = MaskedTargets.Select(sequences.Pack(VirtualTokens.Targets(encoder.Prompt, targets)));
        return scope.MoveToOuter(prediction.Loss(rows.index_select(0, places), encoder.token_embedding, classes, normalizer, MaxScoreBytes));
    }

    /// <inheritdoc/>
    public Tensor PairLoss(ModelInput input, Tensor targets, Tensor pairTargets, double normalizer, double pairNormalizer)
    {
        if (Head != ModelHead.PreTraining) throw new InvalidOperationException($"A model with the head {Head} does not predict tokens and pairs; create it with {nameof(ModelHead.PreTraining)}.");
        using DisposeScope scope = NewDisposeScope();
        var (rows, sequences) = Encode(input, new LayerTrace(false, false));
        var (places, classes) = MaskedTargets.Select(sequences.Pack(VirtualTokens.Targets(encoder.Prompt, targets)));
        Tensor pooled = tanh(pooler!.forward(rows.index_select(0, sequences.FirstRows(rows.device))));   // (B, C)
        Tensor tokens = prediction!.Loss(rows.index_select(0, places), encoder.token_embedding, classes, normalizer, MaxScoreBytes);
        return scope.MoveToOuter(tokens + CrossEntropy.Apply(next_sentence!.forward(pooled), pairTargets, pairNormalizer));
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The model has another head.</exception>
    public Tensor Scores(ModelInput input, Tensor targets)
    {
        if (prediction is null) throw new InvalidOperationException($"A model with the head {Head} predicts no tokens.");
        using DisposeScope scope = NewDisposeScope();
        var (rows, sequences) = Encode(input, new LayerTrace(false, false));
        var (places, _) = MaskedTargets.Select(sequences.Pack(VirtualTokens.Targets(encoder.Prompt, targets)));
        return scope.MoveToOuter(Predict(rows.index_select(0, places)));
    }

    /// <summary>Whether a model with this head has a pooler.</summary>
    internal static bool HasPooler(ModelHead head) => head is ModelHead.None or ModelHead.NextSentence or ModelHead.PreTraining or ModelHead.SequenceClassification;

    /// <summary>The last hidden states of the tokens that are there, (N, C).</summary>
    private (Tensor Rows, PackedSequences Sequences) Encode(ModelInput input, LayerTrace trace)
    {
        Tensor given = InputRules.Ids(input, ModelType, Config.VocabSize, ContextLength, knowsTypes: true);
        if (input.TokenTypeIds is { } types) InputRules.Types(types, given, Config.TokenTypeCount);
        input = VirtualTokens.Extend(encoder.Prompt, input);
        Tensor ids = input.Ids!;
        PackedSequences sequences = PackedSequences.OfMask(input.AttentionMask, ids);
        Tensor? segments = input.TokenTypeIds is { } all ? sequences.Pack(all) : null;
        return (encoder.Forward(sequences.Pack(ids), sequences.Columns(ids.device), segments, sequences, AttentionMask.None, trace, RecomputeActivations), sequences);
    }

    /// <summary>(N, C) → (N, V).</summary>
    private Tensor Predict(Tensor rows) => prediction!.Forward(rows, encoder.token_embedding);

    private Tensor Drop(Tensor x) => training && (Config.ClassifierDropout ?? Config.Dropout) is > 0 and var dropout ? CounterDropout.Apply(x, dropout) : x;

    private void Initialize(Func<string, bool> chosen, Generator? generator)
    {
        InitialValues.Set(this, Config.InitializerRange, chosen, generator);
        if (chosen("encoder.token_embedding")) InitialValues.ClearRow(encoder.token_embedding, Config.PaddingId);
    }
}
