// B pairs, C embedding
using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Tokenization;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Objectives;

/// <summary>Tell how alike two texts are: the squared error of the cosine of their vectors (Reimers and Gurevych 2019, section 3, "regression objective function").</summary>
public sealed class SimilarityTuning : IObjective<SentenceEncoder>
{
    private readonly LabelledTexts _pairs, _train;
    private readonly LabelledTexts? _validation;
    private readonly TextTokenizer _tokenizer;
    private readonly double _fraction;

    /// <summary>Splits pairs.</summary>
    /// <param name="pairs">Pairs of <see cref="ClassificationTask.Regression"/>, with values from −1 to 1.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="validationFraction">The share of the pairs that is held out, from 0 (none) to below 1.</param>
    /// <exception cref="ArgumentException">The texts are no pairs with values, or a value is out of range.</exception>
    /// <exception cref="CorpusException">All pairs would be held out.</exception>
    public SimilarityTuning(LabelledTexts pairs, TextTokenizer tokenizer, double validationFraction = 0.05)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        ArgumentNullException.ThrowIfNull(tokenizer);
        if (pairs.Task != ClassificationTask.Regression || !pairs.ArePairs) throw new ArgumentException($"The texts must be pairs with numbers ({nameof(ClassificationTask.Regression)}); these are {(pairs.ArePairs ? "pairs" : "single texts")} of {pairs.Task}.", nameof(pairs));
        if (pairs.Examples.FirstOrDefault(pair => Math.Abs(pair.Value) > 1) is { } wrong) throw new ArgumentException($"The value {wrong.Value} of '{wrong.Text}' must be from -1 to 1, as cosines are. Divide values by the largest.", nameof(pairs));
        (_pairs, _tokenizer, _fraction) = (pairs, tokenizer, validationFraction);
        (_train, _validation) = pairs.Split(validationFraction);
    }

    /// <inheritdoc/>
    public string Name => "similarity";

    /// <inheritdoc/>
    public bool CanSplit => false;

    /// <summary>The pairs that are held out; null where none are.</summary>
    public LabelledTexts? Validation => _validation;

    /// <inheritdoc/>
    public JsonObject Describe() => new() { ["objective"] = Name, ["pairs"] = _pairs.Count, ["sha256"] = _pairs.Fingerprint, ["tokenizer"] = _tokenizer.Fingerprint, ["validationFraction"] = _fraction };

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The model's vocabulary is too small, or <paramref name="state"/> is not from such a source.</exception>
    public IBatchSource Open(RandomStreams streams, SentenceEncoder model, int batchSize, JsonObject? state = null)
    {
        SentenceRows.Require(model, _tokenizer);
        var sampler = new ItemSampler(_train.Count, unchecked((ulong)streams.SeedOf("data")));
        sampler.State = DataRules.StateOf(state, sampler.State);
        return SampledRows.Open(() => sampler.State, sampler.Next, streams.SeedOf("mask"), batchSize, (places, _) => Make(model, [.. places.Select(place => _train.Examples[(int)place])]));
    }

    /// <inheritdoc/>
    public IEnumerable<Batch> Evaluation(SentenceEncoder model, int batchSize)
    {
        SentenceRows.Require(model, _tokenizer);
        return _validation?.Examples.Chunk(batchSize).Select(pairs => Make(model, pairs)) ?? [];
    }

    /// <inheritdoc/>
    public Tensor Loss(SentenceEncoder model, Batch batch, double normalizer)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(batch);
        using DisposeScope scope = NewDisposeScope();
        int count = (int)batch.ValidTargets;
        var (input, _) = BatchTensors.Of(batch, model.Device);
        Tensor vectors = SentenceEncoder.Normalize(model.Forward(input));   // (2B, C): the first texts, the second ones
        Tensor cosines = (vectors.narrow(0, 0, count) * vectors.narrow(0, count, count)).sum([1]);   // (B)
        float[] values = batch.Values ?? throw new ArgumentException("A batch of pairs must hold their values.", nameof(batch));
        return scope.MoveToOuter((cosines - tensor(values[..count]).to(model.Device)).square().sum() / normalizer);
    }

    private Batch Make(SentenceEncoder model, LabelledText[] pairs)
    {
        float[] values = [.. pairs.Select(pair => (float)pair.Value)];
        return SentenceRows.Of(model, _tokenizer, [.. pairs.Select(pair => pair.Text), .. pairs.Select(pair => pair.Pair!)], pairs.Length) with { Values = [.. values, .. values] };
    }
}
