using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Objectives;

/// <summary>
/// Predict each token from those before it (Radford et al. 2018, equation 1): on windows as long as the model's context, or shorter ones, drawn from a token store in a global pseudo-random order,
/// or on documents packed into contexts. The end of each store is held out for evaluation.
/// </summary>
public sealed class CausalLanguageModeling : IObjective<ICausalLanguageModel>
{
    private readonly TokenStore _tokens;
    private readonly TokenRange? _train;
    private readonly TokenRange? _validation;
    private readonly PackedText? _text;
    private readonly PackedRows? _packed;
    private readonly double _fraction;

    /// <summary>Splits a store.</summary>
    /// <param name="tokens">The tokens; they stay the caller's to dispose.</param>
    /// <param name="validationFraction">The share of tokens at the store's end that is held out, from 0 (none) to below 1.</param>
    public CausalLanguageModeling(TokenStore tokens, double validationFraction = 0.05)
    {
        (_train, _validation) = DataRules.Split(tokens, validationFraction);
        (_tokens, _fraction) = (tokens, validationFraction);
    }

    /// <summary>Splits the stores of a text.</summary>
    /// <param name="text">The documents and how they are packed.</param>
    /// <param name="validationFraction">The share of tokens at each store's end that is held out, from 0 (none) to below 1.</param>
    public CausalLanguageModeling(PackedText text, double validationFraction = 0.05)
    {
        _packed = new PackedRows(text, validationFraction);
        (_text, _tokens, _fraction) = (text, text.Sources[0].Tokens, validationFraction);
    }

    /// <summary>The tokens of a window or of a packed context, at most the model's context; null for as many as that.</summary>
    /// <value>The default is null.</value>
    public int? ContextLength { get; init; }

    /// <inheritdoc/>
    public string Name => "causal-lm";

    /// <inheritdoc/>
    public bool IsTokenPrediction => true;

    /// <inheritdoc/>
    public int ProcessCount => _text?.Options.RankCount ?? 1;

    /// <inheritdoc/>
    public JsonObject Describe()
    {
        JsonObject description = _text is null ? DataRules.Describe(Name, _tokens, _fraction) : DataRules.Describe(Name, _text, _fraction);
        if (ContextLength is { } length) description["contextLength"] = length;
        return description;
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The store's vocabulary or <see cref="ContextLength"/> is larger than the model's, or <paramref name="state"/> is not from such a source.</exception>
    /// <exception cref="CorpusException">The store holds less than one context, or nothing to pack.</exception>
    public IBatchSource Open(RandomStreams streams, ICausalLanguageModel model, int batchSize, JsonObject? state = null)
    {
        DataRules.RequireVocabulary(_tokens, model.VocabSize);
        if (_packed is not null) return _packed.Open(streams, state, Length(model), batchSize, Make);
        var sampler = new WindowSampler(_train!, Length(model), unchecked((ulong)streams.SeedOf("data")));
        sampler.State = DataRules.StateOf(state, sampler.State);
        return new PreparedSource<SamplerState, WindowBatch>(sampler.Prefetch(batchSize), DataRules.Describe, Whole);
    }

    /// <inheritdoc/>
    public IEnumerable<Batch> Evaluation(ICausalLanguageModel model, int batchSize) =>
        _packed is not null ? _packed.Evaluation(Length(model), batchSize, Make)
        : _validation is { Count: >= 2 } ? Windows(new EvaluationWindows(_validation, Length(model)), batchSize) : [];

    /// <inheritdoc/>
    public Tensor Loss(ICausalLanguageModel model, Batch batch, double normalizer)
    {
        using DisposeScope scope = NewDisposeScope();
        var (input, targets) = BatchTensors.Of(batch, model.Device);
        return scope.MoveToOuter(model.Loss(input, targets, normalizer));
    }

    private int Length(ICausalLanguageModel model) => DataRules.Length(ContextLength, model.ContextLength, int.MaxValue);

    private Batch Make(IReadOnlyList<PackedRow> rows) => RowBatch.Of([.. rows.Select(row => row.Inputs)], [.. rows.Select(row => row.Targets)], _tokens.EndOfTextId);

    private static Batch Whole(WindowBatch windows) =>
        new() { Inputs = windows.Inputs, Targets = windows.Targets, Rows = windows.BatchSize, Length = windows.ContextLength, ValidTargets = windows.Targets.Length };

    private static IEnumerable<Batch> Windows(EvaluationWindows windows, int batchSize)
    {
        for (long first = 0; first < windows.Count; first += batchSize)
        {
            var (read, valid) = windows.Read(first, batchSize);
            yield return Whole(read) with { ValidTargets = valid };
        }
    }
}
