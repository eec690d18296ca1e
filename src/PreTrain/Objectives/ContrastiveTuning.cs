// B examples, K negatives of all examples, C embedding
using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Modules;
using PreTrain.Tokenization;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Objectives;

/// <summary>
/// Find the text that belongs to an anchor among those of the whole batch: InfoNCE with in-batch negatives (van den Oord et al. 2018, equation 4; Henderson et al. 2017, "Efficient Natural Language
/// Response Suggestion", section 4.4, as multiple negatives ranking). Named negatives stand among the candidates of all anchors. A text that is an anchor's own, or a positive of it in any example, is no negative.
/// Where a text is its own positive, the loss is that of SimCSE (Gao et al. 2021, equation 4): the two are told apart by their dropout.
/// </summary>
public sealed class ContrastiveTuning : IObjective<SentenceEncoder>
{
    private const float Never = -1e9f;   // the score of what is no candidate

    private readonly ContrastiveTexts _texts, _train;
    private readonly ContrastiveTexts? _validation;
    private readonly TextTokenizer _tokenizer;
    private readonly ContrastiveTuningOptions _options;

    /// <summary>Splits examples.</summary>
    /// <param name="texts">The examples.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="options">How to compare.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    /// <exception cref="CorpusException">All examples would be held out.</exception>
    public ContrastiveTuning(ContrastiveTexts texts, TextTokenizer tokenizer, ContrastiveTuningOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentNullException.ThrowIfNull(tokenizer);
        (_texts, _tokenizer, _options) = (texts, tokenizer, options ?? new());
        if (!(_options.Temperature > 0 && double.IsFinite(_options.Temperature))) throw new ArgumentException($"{nameof(_options.Temperature)} ({_options.Temperature}) must be positive.", nameof(options));
        (_train, _validation) = texts.Split(_options.ValidationFraction);
    }

    /// <inheritdoc/>
    public string Name => "contrastive";

    /// <inheritdoc/>
    public bool CanSplit => false;

    /// <summary>The examples that are held out; null where none are.</summary>
    public ContrastiveTexts? Validation => _validation;

    /// <inheritdoc/>
    public JsonObject Describe() => new()
    {
        ["objective"] = Name,
        ["examples"] = _texts.Count,
        ["sha256"] = _texts.Fingerprint,
        ["tokenizer"] = _tokenizer.Fingerprint,
        ["temperature"] = _options.Temperature,
        ["symmetric"] = _options.IsSymmetric,
        ["validationFraction"] = _options.ValidationFraction,
    };

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The model's vocabulary is too small, a batch has no negatives, or <paramref name="state"/> is not from such a source.</exception>
    public IBatchSource Open(RandomStreams streams, SentenceEncoder model, int batchSize, JsonObject? state = null)
    {
        SentenceRows.Require(model, _tokenizer);
        if (_train.Count == 1 && _train.Examples[0].Negatives.Count == 0) throw new ArgumentException("There is 1 example to learn from, and an anchor is told from others: give at least 2, or negatives of its own.");
        if (batchSize == 1 && _train.Examples.Any(example => example.Negatives.Count == 0))
            throw new ArgumentException("The batch size (1) must be at least 2: the other examples of a batch are what an anchor is told from, unless each has negatives of its own.", nameof(batchSize));
        var sampler = new ItemSampler(_train.Count, unchecked((ulong)streams.SeedOf("data")));
        sampler.State = DataRules.StateOf(state, sampler.State);
        return SampledRows.Open(() => sampler.State, sampler.Next, streams.SeedOf("mask"), batchSize, (places, _) => Make(model, [.. places.Select(place => _train.Examples[(int)place])]));
    }

    /// <inheritdoc/>
    public IEnumerable<Batch> Evaluation(SentenceEncoder model, int batchSize)
    {
        SentenceRows.Require(model, _tokenizer);
        // The rest may be one example without a negative, which says nothing.
        return _validation?.Examples.Chunk(batchSize).Where(examples => examples.Length > 1 || examples[0].Negatives.Count > 0).Select(examples => Make(model, examples)) ?? [];
    }

    /// <inheritdoc/>
    public Tensor Loss(SentenceEncoder model, Batch batch, double normalizer)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(batch);
        using DisposeScope scope = NewDisposeScope();
        int count = (int)batch.ValidTargets;
        var (input, _) = BatchTensors.Of(batch, model.Device);
        Tensor vectors = SentenceEncoder.Normalize(model.Forward(input));   // (2B + K, C): anchors, positives, negatives
        Tensor anchors = vectors.narrow(0, 0, count), candidates = vectors.narrow(0, count, batch.Rows - count);
        Tensor own = arange(count, device: model.Device);
        long[] texts = batch.Labels ?? throw new ArgumentException("A batch of texts to compare must hold labels that tell equal texts.", nameof(batch));

        Tensor scores = anchors.matmul(candidates.t()) / _options.Temperature;   // (B, B + K)
        scores = scores.masked_fill(Known(texts[..count], texts[count..(2 * count)], texts[count..]).to(model.Device), Never);
        Tensor loss = CrossEntropy.Apply(scores, own, normalizer);
        if (!_options.IsSymmetric) return scope.MoveToOuter(loss);
        Tensor back = candidates.narrow(0, 0, count).matmul(anchors.t()) / _options.Temperature;   // (B, B)
        back = back.masked_fill(Known(texts[count..(2 * count)], texts[..count], texts[..count]).to(model.Device), Never);
        return scope.MoveToOuter((loss + CrossEntropy.Apply(back, own, normalizer)) / 2);
    }

    /// <summary>(B, candidates): where a candidate that is not the right one is the asking text itself, or belongs to it by this example or another.</summary>
    private static Tensor Known(long[] asking, long[] answers, long[] candidates)
    {
        ILookup<long, long> belonging = Enumerable.Range(0, asking.Length).ToLookup(i => asking[i], i => answers[i]);
        bool[] known = new bool[asking.Length * candidates.Length];
        for (int i = 0; i < asking.Length; i++)
        {
            HashSet<long> own = [asking[i], .. belonging[asking[i]]];
            for (int j = 0; j < candidates.Length; j++) known[i * candidates.Length + j] = i != j && own.Contains(candidates[j]);
        }
        return tensor(known, [asking.Length, candidates.Length]);
    }

    private Batch Make(SentenceEncoder model, ContrastiveText[] examples)
    {
        string[] texts = [.. examples.Select(example => example.Anchor), .. examples.Select(example => example.Positive), .. examples.SelectMany(example => example.Negatives)];
        var numbers = new Dictionary<string, long>(StringComparer.Ordinal);
        long[] labels = new long[texts.Length];
        for (int i = 0; i < labels.Length; i++)
        {
            if (!numbers.TryGetValue(texts[i], out labels[i])) numbers[texts[i]] = labels[i] = numbers.Count;
        }
        return SentenceRows.Of(model, _tokenizer, texts, examples.Length) with { Labels = labels };
    }
}
