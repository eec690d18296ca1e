// M positions with a target, V vocabulary, B sequences, T tokens
using System.Text.Json.Nodes;
using PreTrain.Models;
using PreTrain.Modules;
using PreTrain.Objectives;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Distillation;

/// <summary>
/// A teacher's knowledge on top of another objective (Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural Network"): the student learns the teacher's distribution at the
/// positions that the objective predicts, and if wanted its hidden states and attention. Batches and hard targets are the other objective's. The models predict hidden tokens, the next
/// token, a second sequence, or the class of a text, of which several labels are learned one by one and a number by its squared error.
/// </summary>
/// <remarks>
/// <para>The distribution's loss is the sum over the targets divided by the normalizer, that of layers the mean over tokens; both add up over micro-batches.</para>
/// <para>In evaluation, where no gradient is recorded, the loss is the other objective's alone: what it comes to can be compared with that of a model that had no teacher.</para>
/// <para>The teachers' weights are read when it is made: a run is resumed with the same teachers only, whose numbers may be changed to 16 bits afterwards.</para>
/// <para>While it trains, the scores of all positions with a target are in memory at once, the student's and the teacher's.</para>
/// </remarks>
/// <typeparam name="TModel">The kind of model that the other objective trains.</typeparam>
public sealed class Distillation<TModel> : IObjective<TModel> where TModel : class
{
    private readonly Lessons _lessons;
    private readonly IObjective<TModel> _inner;
    private readonly DistillationOptions _options;

    /// <summary>Decorates an objective.</summary>
    /// <param name="teacher">The teacher, with the student's vocabulary and on its device; it is put in evaluation mode, and stays the caller's to dispose.</param>
    /// <param name="inner">What batches are made of, and the hard targets' loss.</param>
    /// <param name="options">What the student takes from its teacher.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public Distillation(ITransformerModel teacher, IObjective<TModel> inner, DistillationOptions? options = null)
        : this([new Teacher(teacher ?? throw new ArgumentNullException(nameof(teacher)))], inner, options)
    {
    }

    /// <summary>Decorates an objective with several teachers, the weighted mean of whose probabilities at the temperature is learned (You et al. 2017, "Learning from Multiple Teacher Networks", section 3.1).</summary>
    /// <param name="teachers">The teachers.</param>
    /// <param name="inner">What batches are made of, and the hard targets' loss.</param>
    /// <param name="options">What the student takes from them; of hidden states and attention nothing where there are several, or the scores are kept.</param>
    /// <exception cref="ArgumentException">There is no teacher, a weight is not positive, or an option is out of range.</exception>
    public Distillation(IReadOnlyList<Teacher> teachers, IObjective<TModel> inner, DistillationOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(teachers);
        ArgumentNullException.ThrowIfNull(inner);
        (_inner, _options) = (inner, options ?? new());
        _options.Validate();
        _lessons = new Lessons(teachers, _options);
    }

    /// <inheritdoc/>
    public string Name => "distillation";

    /// <inheritdoc/>
    public bool CanSplit => _inner.CanSplit;

    /// <inheritdoc/>
    public int ProcessCount => _inner.ProcessCount;

    /// <inheritdoc/>
    public JsonObject Describe() => new()
    {
        ["objective"] = Name,
        ["inner"] = _inner.Describe(),
        ["teachers"] = new JsonArray([.. _lessons.Teachers.Select((teacher, i) => new JsonObject { ["config"] = teacher.Model.ToConfigJson(), ["sha256"] = _lessons.Fingerprints[i], ["weight"] = teacher.Weight, ["topK"] = teacher.Cache?.TopK })]),
        ["temperature"] = _options.Temperature,
        ["alpha"] = _options.Alpha,
        ["divergence"] = _options.Divergence.ToString(),
        ["hiddenWeight"] = _options.HiddenWeight,
        ["attentionWeight"] = _options.AttentionWeight,
        ["relationWeight"] = _options.RelationWeight,
        ["valueRelationWeight"] = _options.ValueRelationWeight,
        ["cosineWeight"] = _options.CosineWeight,
        ["layerMap"] = _options.LayerMap is { } map ? new JsonArray([.. map.Select(layer => JsonValue.Create(layer))]) : null,
    };

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">Student and teacher do not fit together, their head predicts neither tokens nor classes, or the other objective refuses the student.</exception>
    public IBatchSource Open(RandomStreams streams, TModel model, int batchSize, JsonObject? state = null)
    {
        StudentRules.Require(Transformer(model), _lessons.Teachers.Select(teacher => teacher.Model));
        return _inner.Open(streams, model, batchSize, state);
    }

    /// <inheritdoc/>
    public IEnumerable<Batch> Evaluation(TModel model, int batchSize) => _inner.Evaluation(model, batchSize);

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The batch has no tokens or other targets than the models score, or student and teacher do not fit together.</exception>
    public Tensor Loss(TModel model, Batch batch, double normalizer) => Loss(model, batch, normalizer, null);

    /// <summary>The same with maps from the student's hidden states to the teacher's.</summary>
    internal Tensor Loss(TModel model, Batch batch, double normalizer, HiddenMaps? maps)
    {
        if (!is_grad_enabled()) return _inner.Loss(model, batch, normalizer);
        ITransformerModel student = Transformer(model);
        if (batch.Images is not null || batch.Labels is not null)
            throw new ArgumentException("Distillation learns a teacher's distribution of tokens or of the classes of texts; batches of images or with a class beside the tokens have none.", nameof(batch));
        if (batch.Values is not null && _lessons.Teachers.Any(teacher => teacher.Cache is not null)) throw new ArgumentException("A cache holds distributions, and the batch asks for numbers. Leave the cache out.", nameof(batch));
        using DisposeScope scope = NewDisposeScope();
        var (input, targets) = BatchTensors.Of(batch, student.Device);
        if (model is ISequenceToSequenceModel decoder && student.Head != ModelHead.SequenceClassification) input = DecoderInputs.Of(input, targets, decoder.DecoderStartId, decoder.PaddingId);
        input = input with { WantHiddenStates = _options.WantsHiddenStates, WantAttentions = _options.WantsAttentions, WantValues = _options.WantsValues };
        var (places, classes) = MaskedTargets.Select(targets.reshape(-1));   // (M), (M)
        (Tensor[] taught, ModelOutput? theirs) = _lessons.Read(batch, input, targets, places);
        (Tensor scores, ModelOutput? own) = TargetScores.Of(student, input, targets, places);   // (M, V)
        if (taught.FirstOrDefault(one => one.size(1) != scores.size(1) && one.size(0) > 0) is { } other)
            throw new ArgumentException($"The student scores {scores.size(1)} {(student.Head == ModelHead.SequenceClassification ? "labels" : "tokens")} and the teacher {other.size(1)}; they must have the same {(student.Head == ModelHead.SequenceClassification ? "labels" : "vocabulary")}.", nameof(model));

        Tensor? sum = null;
        if (own is not null) Add(Layers(batch, input, targets, normalizer, own, theirs!, maps));
        bool fromScores = _options.Alpha == 0 || _inner.IsTokenPrediction;
        if (fromScores && batch.Values is null && _options.Divergence == DistillationDivergence.ForwardKl && taught is [{ } one] && TaughtCrossEntropy.Fits(scores, one, classes))
        {
            Add(TaughtCrossEntropy.Apply(scores, one, classes, _options.Temperature, (1 - _options.Alpha) / normalizer, _options.Alpha / normalizer));
            return scope.MoveToOuter(sum!);
        }
        if (_options.Alpha < 1) Add((Soft(batch, scores, taught).sum() / normalizer) * (1 - _options.Alpha));
        if (_options.Alpha > 0)
        {
            Tensor hard = _inner.IsTokenPrediction
                ? nn.functional.cross_entropy(DistillationLosses.Precise(scores), classes, reduction: nn.Reduction.Sum) / normalizer
                : _inner.Loss(model, batch, normalizer);
            Add(hard * _options.Alpha);
        }
        return scope.MoveToOuter(sum!);

        void Add(Tensor part) => sum = sum is null ? part : sum + part;
    }

    /// <summary>The loss of each row of scores.</summary>
    private Tensor Soft(Batch batch, Tensor scores, Tensor[] taught) => batch.Values is null
        ? DistillationLosses.Soft(scores, _lessons.Logs(taught, _options.Temperature), _options.Temperature, _options.Divergence)
        : (DistillationLosses.Precise(scores) - _lessons.Mean(taught)).square();

    private Tensor Layers(Batch batch, ModelInput input, Tensor targets, double normalizer, ModelOutput own, ModelOutput theirs, HiddenMaps? maps)
    {
        Batch whole = batch.Whole ?? batch;
        double tokens = whole.AttentionMask?.Sum() ?? whole.Inputs.Length;
        Tensor present = input.AttentionMask ?? ones_like(input.Ids!);
        var main = new LayerStack("encoder", present, present.to(ScalarType.Float32) * (whole.ValidTargets / (tokens * normalizer)));
        if (!StudentRules.HasEncoder(own)) return main.Loss(_options, StackStates.Of(own), StackStates.Of(theirs), maps?.embedding, maps?.hidden)!;
        // A classifier's decoder reads the text once more.
        LayerStack decoder = input.DecoderIds is null ? main with { What = "decoder" }
            : new("decoder", input.DecoderAttentionMask ?? ones_like(input.DecoderIds), targets.ne(CrossEntropy.Ignored).to(ScalarType.Float32) / normalizer);
        return main.Loss(_options, StackStates.OfEncoder(own), StackStates.OfEncoder(theirs), maps?.encoder_embedding, maps?.encoder_hidden)!
            + decoder.Loss(_options, StackStates.Of(own), StackStates.Of(theirs), maps?.embedding, maps?.hidden)!;
    }

    private static ITransformerModel Transformer(TModel model) =>
        model as ITransformerModel ?? throw new ArgumentException($"A {model?.GetType().Name ?? "null"} shows neither scores nor layers; the student must be an {nameof(ITransformerModel)}.", nameof(model));
}
