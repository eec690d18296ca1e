// B pairs, S tokens of the longest source, U tokens of the longest target
using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Tokenization;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Objectives;

/// <summary>
/// Read a text and write another one, token by token from the right beginning (Sutskever et al. 2014, equation 1; Vaswani et al. 2017, section 3.1): translation, summarization, any
/// text-to-text task. The tokenizer's template is put around both texts; a target ends with the model's end, and the decoder reads it one place further right.
/// </summary>
public sealed class SequenceToSequenceTuning : IObjective<ISequenceToSequenceModel>
{
    private const int UnlimitedLength = 512;

    private readonly TextPairs _pairs, _train;
    private readonly TextPairs? _validation;
    private readonly TextTokenizer _tokenizer;
    private readonly SequenceToSequenceTuningOptions _options;

    /// <summary>Splits pairs.</summary>
    /// <param name="pairs">The pairs.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="options">How to learn.</param>
    /// <exception cref="ArgumentOutOfRangeException">The held-out share is out of range.</exception>
    /// <exception cref="CorpusException">All pairs would be held out.</exception>
    public SequenceToSequenceTuning(TextPairs pairs, TextTokenizer tokenizer, SequenceToSequenceTuningOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        ArgumentNullException.ThrowIfNull(tokenizer);
        (_pairs, _tokenizer, _options) = (pairs, tokenizer, options ?? new());
        (_train, _validation) = pairs.Split(_options.ValidationFraction);
    }

    /// <inheritdoc/>
    public string Name => "sequence-to-sequence";

    /// <inheritdoc/>
    public bool IsTokenPrediction => true;

    /// <summary>The pairs that are held out; null where none are.</summary>
    public TextPairs? Validation => _validation;

    /// <inheritdoc/>
    public JsonObject Describe() => new()
    {
        ["objective"] = Name,
        ["pairs"] = _pairs.Count,
        ["sha256"] = _pairs.Fingerprint,
        ["tokenizer"] = _tokenizer.Fingerprint,
        ["maxSourceLength"] = _options.MaxSourceLength,
        ["maxTargetLength"] = _options.MaxTargetLength,
        ["sourcePrefix"] = _options.SourcePrefix,
        ["validationFraction"] = _options.ValidationFraction,
    };

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The model's vocabulary or context is too small, it has no token that ends a sequence, or <paramref name="state"/> is not from such a source.</exception>
    public IBatchSource Open(RandomStreams streams, ISequenceToSequenceModel model, int batchSize, JsonObject? state = null)
    {
        Limits limits = Check(model);
        var sampler = new ItemSampler(_train.Count, unchecked((ulong)streams.SeedOf("data")));
        sampler.State = DataRules.StateOf(state, sampler.State);
        return SampledRows.Open(() => sampler.State, sampler.Next, streams.SeedOf("mask"), batchSize, (places, _) => Make([.. places.Select(place => _train.Examples[(int)place])], limits));
    }

    /// <inheritdoc/>
    public IEnumerable<Batch> Evaluation(ISequenceToSequenceModel model, int batchSize)
    {
        Limits limits = Check(model);
        return _validation?.Examples.Chunk(batchSize).Select(pairs => Make(pairs, limits)) ?? [];
    }

    /// <summary>How many pairs have a source or a target that is longer than the longest and loses its end, those that are held out among them.</summary>
    /// <param name="model">The model to be trained.</param>
    /// <exception cref="ArgumentException">The model does not fit.</exception>
    public int CutPairs(ISequenceToSequenceModel model)
    {
        Limits limits = Check(model);
        return _pairs.Examples.AsParallel().Count(pair => Encode(_options.SourcePrefix + pair.Source, int.MaxValue).Length > limits.Source || Ended(Encode(pair.Target, int.MaxValue), limits with { Target = int.MaxValue }).Length > limits.Target);
    }

    /// <inheritdoc/>
    public Tensor Loss(ISequenceToSequenceModel model, Batch batch, double normalizer)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(batch);
        using DisposeScope scope = NewDisposeScope();
        var (input, targets) = BatchTensors.Of(batch, ((ITransformerModel)model).Device);
        return scope.MoveToOuter(model.Loss(input, targets, normalizer));
    }

    private Limits Check(ISequenceToSequenceModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (model.VocabSize < _tokenizer.VocabSize)
            throw new ArgumentException($"The tokenizer's vocabulary ({_tokenizer.VocabSize}) exceeds the model's ({model.VocabSize}). Use the model's tokenizer.", nameof(model));
        if (model.EndId is not { } end) throw new ArgumentException("The model has no token that ends a sequence, and could not learn where to stop. Set its EndId.", nameof(model));
        return new(Length(_options.MaxSourceLength, nameof(_options.MaxSourceLength), model), Length(_options.MaxTargetLength, nameof(_options.MaxTargetLength), model), end);
    }

    private static int Length(int? asked, string name, ISequenceToSequenceModel model)
    {
        if (asked is < 2 || asked > model.ContextLength) throw new ArgumentException($"{name} ({asked}) must be at least 2 and at most the model's context ({model.ContextLength}).");
        return asked ?? (model.ContextLength == int.MaxValue ? UnlimitedLength : model.ContextLength);
    }

    private Batch Make(TextPair[] pairs, Limits limits) => RowBatch.Of(
        [.. pairs.Select(pair => Encode(_options.SourcePrefix + pair.Source, limits.Source))],
        [.. pairs.Select(pair => Ended(Encode(pair.Target, limits.Target), limits))], _tokenizer.SpecialTokens.Padding ?? 0);

    private long[] Encode(string text, int length)
    {
        ReadOnlySpan<int> ids = _tokenizer.Tokenize(text, options: new() { Truncation = new() { MaxLength = length }, Padding = PaddingOptions.None }).Ids;
        long[] row = new long[ids.Length];
        for (int i = 0; i < row.Length; i++) row[i] = ids[i];
        return row;
    }

    private static long[] Ended(long[] target, Limits limits) => target is [.., var last] && last == limits.End ? target : [.. target.Take(limits.Target - 1), limits.End];

    private sealed record Limits(int Source, int Target, long End);
}
