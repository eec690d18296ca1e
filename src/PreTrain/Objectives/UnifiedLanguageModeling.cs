using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.Models.UniLm;
using PreTrain.Tokenization;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Objectives;

/// <summary>
/// Predict hidden tokens under masks that differ from row to row: all tokens see each other, each sees those before it, or those of a first part see each other and the rest is read
/// from left to right (Dong et al. 2019, "Unified language model pre-training", sections 2.3 and 2.5). A row in two parts is <c>[CLS] A [SEP] B [SEP]</c>, the others
/// <c>[CLS] A [SEP]</c>. Models from right to left, a sixth of the paper's rows, are not among them.
/// </summary>
public sealed class UnifiedLanguageModeling : IObjective<UniLmModel>
{
    private readonly TokenStore _tokens;
    private readonly TokenWindows _windows;
    private readonly UnifiedLanguageModelingOptions _options;
    private readonly TokenMasker _masker;
    private readonly int _first, _separator, _padding;

    /// <summary>Splits a store.</summary>
    /// <param name="tokens">The tokens; they stay the caller's to dispose.</param>
    /// <param name="tokenizer">The tokenizer that made them.</param>
    /// <param name="options">How to mask, and how often which way.</param>
    /// <exception cref="ArgumentException">An option is out of range, the tokenizer lacks one of the tokens [MASK], [CLS] and [SEP], or another tokenizer made the store.</exception>
    /// <exception cref="CorpusException">The lexicon cannot be read.</exception>
    public UnifiedLanguageModeling(TokenStore tokens, TextTokenizer tokenizer, UnifiedLanguageModelingOptions? options = null)
    {
        DataRules.RequireTokenizer(tokens, tokenizer);
        _options = options ?? new UnifiedLanguageModelingOptions();
        _options.Validate();
        _tokens = tokens;
        _windows = new TokenWindows(tokens, _options.ValidationFraction);
        _masker = new TokenMasker(tokenizer, _options.Masking);
        (_first, _separator, _padding) = TextFrame.Pair(tokenizer);
    }

    /// <inheritdoc/>
    public string Name => "unified-lm";

    /// <inheritdoc/>
    public bool IsTokenPrediction => true;

    /// <inheritdoc/>
    public JsonObject Describe()
    {
        JsonObject description = DataRules.Describe(Name, _tokens, _options.ValidationFraction);
        description["contextLength"] = _options.ContextLength;
        description["bidirectionalShare"] = _options.BidirectionalShare;
        description["causalShare"] = _options.CausalShare;
        description["masking"] = MaskedLanguageModeling.Describe(_options.Masking);
        return description;
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The model's vocabulary or context is too small, or <paramref name="state"/> is not from such a source.</exception>
    /// <exception cref="CorpusException">The store holds less than one row.</exception>
    public IBatchSource Open(RandomStreams streams, UniLmModel model, int batchSize, JsonObject? state = null)
    {
        DataRules.RequireVocabulary(_tokens, model.VocabSize);
        return _windows.Open(streams, state, TextLength(model), batchSize, Make);
    }

    /// <inheritdoc/>
    public IEnumerable<Batch> Evaluation(UniLmModel model, int batchSize) => _windows.Evaluation(TextLength(model), batchSize, Make);

    /// <inheritdoc/>
    public Tensor Loss(UniLmModel model, Batch batch, double normalizer)
    {
        using DisposeScope scope = NewDisposeScope();
        var (input, targets) = BatchTensors.Of(batch, model.Device);
        return scope.MoveToOuter(model.Loss(input, targets, normalizer));
    }

    private int TextLength(UniLmModel model) => TextFrame.PairLength(DataRules.Length(_options.ContextLength, model.ContextLength, int.MaxValue));

    private Batch Make(long[][] windows, ulong[] seeds)
    {
        double[] sums = [_options.BidirectionalShare, _options.BidirectionalShare + _options.CausalShare, 1];
        int count = windows.Length;
        long[][] inputs = new long[count][], types = new long[count][], targets = new long[count][];
        int[] prefixes = new int[count];
        for (int row = 0; row < count; row++)
        {
            var random = new MaskRandom(seeds[row]);
            long[] text = windows[row];
            int way = random.NextOf(sums), cut = way < 2 || text.Length < 2 ? text.Length : 1 + random.Next(text.Length - 1);
            inputs[row] = cut == text.Length ? [_first, .. text, _separator] : [_first, .. text[..cut], _separator, .. text[cut..], _separator];
            prefixes[row] = way switch { 0 => inputs[row].Length, 1 => 0, _ => cut + 2 };
            types[row] = [.. new long[cut + 2], .. Enumerable.Repeat(1L, inputs[row].Length - cut - 2)];
            targets[row] = new long[inputs[row].Length];
            _masker.Mask(inputs[row], targets[row], random.Next());
        }
        return RowBatch.Of(inputs, targets, _padding) with { TokenTypes = RowBatch.Pad(types, RowBatch.Width(types), 0), PrefixLengths = prefixes };
    }
}
