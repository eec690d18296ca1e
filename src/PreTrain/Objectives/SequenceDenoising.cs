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
/// Read a corrupted text and write what it lost: T5's spans (<see cref="SpanCorruption"/>), the rest behind a prefix (<see cref="PrefixSplit"/>), or BART's whole text
/// (<see cref="Denoising"/>). Rows are windows of a token store, as long as makes the sources as long as a row may be, and are corrupted anew each time.
/// </summary>
public sealed class SequenceDenoising : IObjective<ISequenceToSequenceModel>
{
    private const int UnlimitedLength = 512;

    private readonly TokenStore _tokens;
    private readonly TokenWindows _windows;
    private readonly ISequenceCorruption _corruption;
    private readonly SequenceDenoisingOptions _options;
    private readonly TextFrame _frame;

    /// <summary>Splits a store.</summary>
    /// <param name="tokens">The tokens; they stay the caller's to dispose.</param>
    /// <param name="tokenizer">The tokenizer that made them.</param>
    /// <param name="corruption">What is done to texts.</param>
    /// <param name="options">How long rows are, and what is held out.</param>
    /// <exception cref="ArgumentException">An option is out of range, the tokenizer has no token that ends a text, or another tokenizer made the store.</exception>
    public SequenceDenoising(TokenStore tokens, TextTokenizer tokenizer, ISequenceCorruption corruption, SequenceDenoisingOptions? options = null)
    {
        DataRules.RequireTokenizer(tokens, tokenizer);
        ArgumentNullException.ThrowIfNull(corruption);
        (_tokens, _corruption, _options, _frame) = (tokens, corruption, options ?? new SequenceDenoisingOptions(), TextFrame.Of(tokenizer));
        TextFrame.RequireEnd(tokenizer);
        _windows = new TokenWindows(tokens, _options.ValidationFraction);
    }

    /// <inheritdoc/>
    public string Name => _corruption.Name;

    /// <inheritdoc/>
    public bool IsTokenPrediction => true;

    /// <inheritdoc/>
    public JsonObject Describe()
    {
        JsonObject description = DataRules.Describe(Name, _tokens, _options.ValidationFraction);
        description["contextLength"] = _options.ContextLength;
        description["corruption"] = _corruption.Describe();
        return description;
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The model's vocabulary or context is too small, or <paramref name="state"/> is not from such a source.</exception>
    /// <exception cref="CorpusException">The store holds less than one row.</exception>
    public IBatchSource Open(RandomStreams streams, ISequenceToSequenceModel model, int batchSize, JsonObject? state = null)
    {
        DataRules.RequireVocabulary(_tokens, model.VocabSize);
        return _windows.Open(streams, state, TextLength(model), batchSize, Make);
    }

    /// <inheritdoc/>
    public IEnumerable<Batch> Evaluation(ISequenceToSequenceModel model, int batchSize) => _windows.Evaluation(TextLength(model), batchSize, Make);

    /// <inheritdoc/>
    public Tensor Loss(ISequenceToSequenceModel model, Batch batch, double normalizer)
    {
        using DisposeScope scope = NewDisposeScope();
        var (input, targets) = BatchTensors.Of(batch, ((ITransformerModel)model).Device);
        return scope.MoveToOuter(model.Loss(input, targets, normalizer));
    }

    private int TextLength(ISequenceToSequenceModel model) => _corruption.TextLength(_frame.TextLength(DataRules.Length(_options.ContextLength, model.ContextLength, UnlimitedLength)));

    private Batch Make(long[][] windows, ulong[] seeds)
    {
        // One token alone, the rest of what is held out, has nothing to lose.
        (long[] Source, long[] Target)[] rows = [.. windows.Select((window, row) => window.Length < 2 ? (window, window) : _corruption.Corrupt(window, seeds[row]))];
        return RowBatch.Of([.. rows.Select(row => _frame.Around(row.Source))], [.. rows.Select(row => _frame.Around(row.Target))], _frame.Padding);
    }
}
