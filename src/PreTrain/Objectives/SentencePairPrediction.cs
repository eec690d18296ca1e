using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.Models;
using PreTrain.Modules;
using PreTrain.Tokenization;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Objectives;

/// <summary>
/// Predict hidden tokens, and whether the second of two segments follows the first (Devlin et al. 2019, section 3.1) or whether the two are in their order (Lan et al. 2020,
/// section 3.1). A row is <c>[CLS] A [SEP] B [SEP]</c>; the segments are whole sentences of one document, which end where the tokens end a line or a sentence.
/// </summary>
/// <remarks>The loss is the mean over hidden tokens plus the mean over pairs. With several micro-batches, the second is weighted by the hidden tokens of each.</remarks>
public sealed class SentencePairPrediction : IObjective<ISentencePairModel>
{
    private const int OtherAttempts = 10;

    private readonly TokenStore _tokens;
    private readonly TokenRange _train;
    private readonly TokenRange? _validation;
    private readonly SentencePairOptions _options;
    private readonly TokenTable _table;
    private readonly TokenMasker _masker;
    private readonly int _first, _separator, _padding;

    /// <summary>Splits a store.</summary>
    /// <param name="tokens">The tokens; they stay the caller's to dispose.</param>
    /// <param name="tokenizer">The tokenizer that made them.</param>
    /// <param name="options">How pairs are made.</param>
    /// <exception cref="ArgumentException">An option is out of range, the tokenizer lacks one of the tokens [MASK], [CLS] and [SEP], or another tokenizer made the store.</exception>
    /// <exception cref="CorpusException">The lexicon cannot be read.</exception>
    public SentencePairPrediction(TokenStore tokens, TextTokenizer tokenizer, SentencePairOptions? options = null)
    {
        DataRules.RequireTokenizer(tokens, tokenizer);
        _options = options ?? new SentencePairOptions();
        _options.Validate();
        _tokens = tokens;
        (_train, _validation) = DataRules.Split(tokens, _options.ValidationFraction);
        (_first, _separator, _padding) = TextFrame.Pair(tokenizer);
        _table = new TokenTable(tokenizer);
        _masker = new TokenMasker(tokenizer, _options.Masking, _table);
    }

    /// <inheritdoc/>
    public string Name => _options.Task == SentencePairTask.NextSentence ? "next-sentence" : "sentence-order";

    /// <inheritdoc/>
    public JsonObject Describe()
    {
        JsonObject description = DataRules.Describe(Name, _tokens, _options.ValidationFraction);
        description["contextLength"] = _options.ContextLength;
        description["shortShare"] = _options.ShortShare;
        description["masking"] = MaskedLanguageModeling.Describe(_options.Masking);
        return description;
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The model has another head, its vocabulary or context is too small, or <paramref name="state"/> is not from such a source.</exception>
    /// <exception cref="CorpusException">The store holds no two sentences of a document, or for <see cref="SentencePairTask.NextSentence"/> one document only.</exception>
    public IBatchSource Open(RandomStreams streams, ISentencePairModel model, int batchSize, JsonObject? state = null)
    {
        DataRules.RequireVocabulary(_tokens, model.VocabSize);
        if (model.Head != ModelHead.PreTraining) throw new ArgumentException($"The model has the head {model.Head}; pairs and tokens together need {nameof(ModelHead.PreTraining)}.", nameof(model));
        var segments = new SegmentIndex(_train, _table, TextLength(model));
        if (_options.Task == SentencePairTask.NextSentence && !segments.HasSeveralDocuments)
            throw new CorpusException($"The token store '{_tokens.Folder}' has one document to train on; a segment that does not follow must come from another one. Add documents, or predict the order of sentences.", _tokens.Folder);
        var sampler = new SegmentSampler(segments, unchecked((ulong)streams.SeedOf("data")));
        sampler.State = DataRules.StateOf(state, sampler.State);
        return SampledRows.Open(() => sampler.State, sampler.Next, streams.SeedOf("mask"), batchSize, (places, seeds) => Make(segments, places, seeds));
    }

    /// <inheritdoc/>
    public IEnumerable<Batch> Evaluation(ISentencePairModel model, int batchSize)
    {
        if (_validation is not { Count: >= 2 }) yield break;
        var segments = new SegmentIndex(_validation, _table, TextLength(model));
        for (int first = 0; first < segments.Count; first += batchSize)
        {
            long[] places = [.. Enumerable.Range(first, Math.Min(batchSize, segments.Count - first)).Select(place => (long)place)];
            yield return Make(segments, places, [.. places.Select(TokenWindows.SeedOf)]);
        }
    }

    /// <inheritdoc/>
    public Tensor Loss(ISentencePairModel model, Batch batch, double normalizer)
    {
        using DisposeScope scope = NewDisposeScope();
        var (input, targets) = BatchTensors.Of(batch, model.Device);
        Tensor labels = tensor(batch.Labels!).to(model.Device);
        Batch whole = batch.Whole ?? batch;
        return scope.MoveToOuter(model.PairLoss(input, targets, labels, normalizer, whole.Rows * normalizer / whole.ValidTargets));
    }

    private int TextLength(ISentencePairModel model) => TextFrame.PairLength(DataRules.Length(_options.ContextLength, model.ContextLength, int.MaxValue));

    private Batch Make(SegmentIndex segments, long[] places, ulong[] seeds)
    {
        long[][] inputs = new long[places.Length][], types = new long[places.Length][], targets = new long[places.Length][];
        long[] labels = new long[places.Length];
        for (int row = 0; row < places.Length; row++)
        {
            var random = new MaskRandom(seeds[row]);
            (long[] a, long[] b, labels[row]) = Pair(segments, (int)places[row], ref random);
            inputs[row] = [_first, .. a, _separator, .. b, _separator];
            types[row] = [.. new long[a.Length + 2], .. Enumerable.Repeat(1L, b.Length + 1)];
            targets[row] = new long[inputs[row].Length];
            _masker.Mask(inputs[row], targets[row], random.Next());
        }
        return RowBatch.Of(inputs, targets, _padding) with { TokenTypes = RowBatch.Pad(types, RowBatch.Width(types), 0), Labels = labels };
    }

    private (long[] A, long[] B, long Label) Pair(SegmentIndex segments, int segment, ref MaskRandom random)
    {
        long[] text = segments.Read(segment);
        int length = random.NextDouble() < _options.ShortShare ? 2 + random.Next(segments.MaxLength - 1) : segments.MaxLength;
        if (text.Length > length) text = text[..length];
        int[] cuts = segments.Cuts(text);
        int cut = cuts[random.Next(cuts.Length)];
        long[] a = text[..cut], b = text[cut..];
        if (random.NextDouble() < 0.5) return (a, b, 0);
        if (_options.Task == SentencePairTask.SentenceOrder) return (b, a, 1);
        for (int attempt = 0; attempt < OtherAttempts; attempt++)
        {
            int other = random.Next(segments.Count);
            if (segments.DocumentOf(other) == segments.DocumentOf(segment)) continue;
            long[] strange = segments.Read(other);
            int[] starts = [0, .. segments.Cuts(strange)];
            int start = starts[random.Next(starts.Length)];
            return (a, strange[start..Math.Min(strange.Length, start + length - a.Length)], 1);
        }
        return (a, b, 0);   // nearly all segments are of one document
    }
}
