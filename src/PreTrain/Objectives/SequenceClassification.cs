// B sequences, T tokens, L labels
using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.Models;
using PreTrain.Tokenization;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Objectives;

/// <summary>
/// Tell the class of a text or of a pair of texts, several classes, or a number (Devlin et al. 2019, section 4.1; Radford et al. 2018, section 3.2), with a model whose head is
/// <see cref="ModelHead.SequenceClassification"/>. The loss is the cross entropy of the class, the binary cross entropy of each label, or the squared error; a text is one target, and
/// of <see cref="ClassificationTask.MultiLabel"/> as many as there are labels, so that the mean is that of PyTorch.
/// </summary>
public sealed class SequenceClassification : ILabelledObjective
{
    private readonly LabelledTexts _texts, _train;
    private readonly LabelledTexts? _validation;
    private readonly TextTokenizer _tokenizer;
    private readonly SequenceClassificationOptions _options;
    private readonly int _outputs;
    private readonly float[] _weights;
    private readonly TextAugmentation? _augmentation;

    /// <summary>Splits labelled texts.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="tokenizer">The model's tokenizer, which puts its special tokens around each text or pair.</param>
    /// <param name="options">How to learn.</param>
    /// <exception cref="ArgumentException">An option is out of range or not one of the task, or there is one label where each text has one.</exception>
    /// <exception cref="CorpusException">All texts would be held out.</exception>
    public SequenceClassification(LabelledTexts texts, TextTokenizer tokenizer, SequenceClassificationOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentNullException.ThrowIfNull(tokenizer);
        (_texts, _tokenizer, _options) = (texts, tokenizer, options ?? new());
        _options.Validate();
        _outputs = texts.Labels?.Count ?? 1;
        if (texts.Task == ClassificationTask.SingleLabel && _outputs < 2)
            throw new ArgumentException($"The labels of the texts ({string.Join(", ", texts.Labels!.Names)}) must be at least two where each text has one: there is nothing to tell apart.", nameof(texts));
        if (texts.Task == ClassificationTask.Regression && (_options.ClassWeights is not null || _options.LabelSmoothing > 0 || _options.FocalGamma > 0))
            throw new ArgumentException($"ClassWeights, LabelSmoothing and FocalGamma are for classes, and the task is {texts.Task}; leave them out.", nameof(options));
        if (_options.ClassWeights is { } weights && weights.Count != _outputs)
            throw new ArgumentException($"ClassWeights has {weights.Count} values, and there are {_outputs} labels; give one for each.", nameof(options));
        _weights = [.. _options.ClassWeights?.Select(weight => (float)weight) ?? Enumerable.Repeat(1f, _outputs)];
        (_train, _validation) = texts.Split(_options.ValidationFraction);
        _train = ClassBalance.Resample(_train, _options.Sampling);
        if (_options.Augmentation is { } augmentation) _augmentation = new(augmentation);
    }

    /// <inheritdoc/>
    public string Name => "sequence-classification";

    /// <inheritdoc/>
    public ModelHead Head => ModelHead.SequenceClassification;

    /// <inheritdoc/>
    public JsonObject Describe()
    {
        JsonObject json = DescribeUsual();
        if (_options.Sampling != ClassSampling.AsIs) json["sampling"] = _options.Sampling.ToString();
        if (_options.Augmentation is { } augmentation) (json["augmentation"], json["augmentedShare"]) = (augmentation.Describe(), _options.AugmentedShare);
        return json;
    }

    private JsonObject DescribeUsual() => new()
    {
        ["objective"] = Name,
        ["task"] = _texts.Task.ToString(),
        ["texts"] = _texts.Count,
        ["sha256"] = _texts.Fingerprint,
        ["tokenizer"] = _tokenizer.Fingerprint,
        ["contextLength"] = _options.ContextLength,
        ["validationFraction"] = _options.ValidationFraction,
        ["classWeights"] = _options.ClassWeights is { } weights ? new JsonArray([.. weights.Select(weight => JsonValue.Create(weight))]) : null,
        ["labelSmoothing"] = _options.LabelSmoothing,
        ["focalGamma"] = _options.FocalGamma,
    };

    /// <inheritdoc/>
    public int TrainingRows(ITransformerModel model) => _train.Count;

    /// <inheritdoc/>
    public int CutTexts(ITransformerModel model)
    {
        var (length, _) = Limits(model);
        return _texts.Examples.AsParallel().Count(example => _tokenizer.Tokenize(example.Text, example.Pair, EncodingOptions.Whole).Count > length);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The model has another head, other labels or too small a vocabulary or context, or <paramref name="state"/> is not from such a source.</exception>
    public IBatchSource Open(RandomStreams streams, ITransformerModel model, int batchSize, JsonObject? state = null)
    {
        var (length, knowsTypes) = Limits(model);
        var sampler = new ItemSampler(_train.Count, unchecked((ulong)streams.SeedOf("data")));
        sampler.State = DataRules.StateOf(state, sampler.State);
        return SampledRows.Open(() => sampler.State, sampler.Next, streams.SeedOf("data"), batchSize,
            (places, seeds) => Make([.. places.Select((place, row) => Augment(_train.Examples[(int)place], seeds[row]))], length, knowsTypes));
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The model has another head, other labels or too small a vocabulary or context.</exception>
    public IEnumerable<Batch> Evaluation(ITransformerModel model, int batchSize)
    {
        var (length, knowsTypes) = Limits(model);
        return _validation?.Examples.Chunk(batchSize).Select(examples => Make(examples, length, knowsTypes)) ?? [];
    }

    /// <inheritdoc/>
    public Tensor Loss(ITransformerModel model, Batch batch, double normalizer)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(batch);
        using DisposeScope scope = NewDisposeScope();
        return scope.MoveToOuter(LossOf(Scores(model, batch), batch) / normalizer);
    }

    /// <summary>What the texts are labelled with.</summary>
    internal ClassificationTask Task => _texts.Task;

    /// <summary>A model's scores of a batch, (B, L) in 32 bits. They belong to the current dispose scope.</summary>
    internal Tensor Scores(ITransformerModel model, Batch batch)
    {
        var (input, _) = BatchTensors.Of(batch, model.Device);
        Tensor logits = model.Forward(input).Logits.to(ScalarType.Float32);
        if (logits.ndim != 2 || logits.size(1) != _outputs)
            throw new ArgumentException($"The model's scores ({string.Join(", ", logits.shape)}) must be (B, {_outputs}), one for each label.", nameof(model));
        return logits;
    }

    /// <summary>The loss of scores, summed over the batch.</summary>
    internal Tensor LossOf(Tensor logits, Batch batch)
    {
        return _texts.Task switch
        {
            ClassificationTask.SingleLabel => OfClass(logits, batch),
            ClassificationTask.MultiLabel => OfLabels(logits, batch),
            _ => (logits.squeeze(1) - tensor(batch.Values ?? throw new ArgumentException("A batch of a regression must hold values.", nameof(batch))).to(logits.device)).square().sum(),
        };
    }

    /// <summary>−Σ q (1 − p)^γ log p, where q is the smoothed and weighted target.</summary>
    private Tensor OfClass(Tensor logits, Batch batch)
    {
        Tensor logs = nn.functional.log_softmax(logits, 1);
        float rest = (float)_options.LabelSmoothing / _outputs, hit = 1 - (float)_options.LabelSmoothing;
        Tensor wanted = Wanted(batch.Rows, (row, label) => _weights[label] * (rest + (batch.Targets[row] == label ? hit : 0)), logits.device);
        return -(Focused(wanted, logs) * logs).sum();
    }

    /// <summary>−Σ w (y (1 − p)^γ log p + (1 − y) p^γ log(1 − p)) over all labels, where y is the smoothed target.</summary>
    private Tensor OfLabels(Tensor logits, Batch batch)
    {
        float rest = (float)_options.LabelSmoothing / 2, hit = 1 - (float)_options.LabelSmoothing;
        Tensor Part(Tensor logits, long target)
        {
            Tensor logs = -nn.functional.softplus(-logits);
            Tensor wanted = Wanted(batch.Rows, (row, label) => _weights[label] * (rest + (batch.Targets[row * _outputs + label] == target ? hit : 0)), logits.device);
            return -(Focused(wanted, logs) * logs).sum();
        }
        return Part(logits, 1) + Part(-logits, 0);
    }

    private Tensor Focused(Tensor wanted, Tensor logs) => _options.FocalGamma == 0 ? wanted : wanted * (1 - logs.exp()).pow(_options.FocalGamma);

    /// <summary>(B, L).</summary>
    private Tensor Wanted(int rows, Func<int, int, float> value, Device device) =>
        tensor([.. Enumerable.Range(0, rows * _outputs).Select(i => value(i / _outputs, i % _outputs))], [rows, _outputs]).to(device);

    private (int Length, bool KnowsTypes) Limits(ITransformerModel model) =>
        HeadRules.Require(model, _tokenizer, Head, "a classification", _options.ContextLength, _outputs, _texts.Labels);

    private LabelledText Augment(LabelledText example, ulong seed)
    {
        if (_augmentation is null || new MaskRandom(SplitMix.Mix(seed)).NextDouble() >= _options.AugmentedShare) return example;
        return example with { Text = _augmentation.Apply(example.Text, seed), Pair = example.Pair is { } pair ? _augmentation.Apply(pair, SplitMix.Mix(seed, 1, 0)) : null };
    }

    private Batch Make(LabelledText[] examples, int length, bool knowsTypes)
    {
        using TokenBatch rows = _tokenizer.TokenizeBatch([.. examples.Select(example => example.Text)], _texts.ArePairs ? [.. examples.Select(example => example.Pair!)] : null,
            new() { Truncation = new() { MaxLength = length }, Padding = new() });
        long[] mask = rows.AttentionMask.ToArray();
        long[] targets = _texts.Task switch
        {
            ClassificationTask.SingleLabel => [.. examples.Select(example => (long)example.Labels[0])],
            ClassificationTask.MultiLabel => [.. examples.SelectMany(example => Enumerable.Range(0, _outputs).Select(label => example.Labels.Contains(label) ? 1L : 0))],
            _ => new long[examples.Length],
        };
        return new()
        {
            Inputs = rows.Ids.ToArray(),
            Targets = targets,
            Rows = rows.RowCount,
            Length = rows.Length,
            ValidTargets = targets.Length,
            AttentionMask = mask.Contains(0) ? mask : null,
            TokenTypes = knowsTypes ? rows.TypeIds.ToArray() : null,
            Values = _texts.Task == ClassificationTask.Regression ? [.. examples.Select(example => (float)example.Value)] : null,
        };
    }
}
