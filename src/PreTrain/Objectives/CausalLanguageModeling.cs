using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Objectives;

/// <summary>
/// Predict each token from those before it (Radford et al. 2018, equation 1), on windows of the model's context length drawn from a
/// token store in a global pseudo-random order. The store's last part is held out for evaluation.
/// </summary>
public sealed class CausalLanguageModeling : IObjective<ICausalLanguageModel>
{
    private readonly TokenStore _tokens;
    private readonly TokenRange _train;
    private readonly TokenRange? _validation;
    private readonly double _fraction;

    /// <summary>Splits a store.</summary>
    /// <param name="tokens">The tokens; they stay the caller's to dispose.</param>
    /// <param name="validationFraction">The share of tokens at the store's end that is held out, from 0 (none) to below 1.</param>
    public CausalLanguageModeling(TokenStore tokens, double validationFraction = 0.05)
    {
        (_train, _validation) = DataRules.Split(tokens, validationFraction);
        _tokens = tokens;
        _fraction = validationFraction;
    }

    /// <inheritdoc/>
    public string Name => "causal-lm";

    /// <inheritdoc/>
    public JsonObject Describe() => new()
    {
        ["objective"] = Name,
        ["tokens"] = _tokens.Count,
        ["tokenizer"] = _tokens.TokenizerFingerprint,
        ["validationFraction"] = _fraction,
    };

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The store's vocabulary is larger than the model's, or <paramref name="state"/> is not from such a source.</exception>
    /// <exception cref="CorpusException">The store holds less than one context.</exception>
    public IBatchSource Open(RandomStreams streams, ICausalLanguageModel model, int batchSize, JsonObject? state = null)
    {
        DataRules.RequireVocabulary(_tokens, model.VocabSize);
        var sampler = new WindowSampler(_train, model.ContextLength, unchecked((ulong)streams.SeedOf("data")));
        sampler.State = DataRules.StateOf(state, sampler.State);
        return new WindowSource(sampler, batchSize);
    }

    /// <inheritdoc/>
    public IEnumerable<Batch> Evaluation(ICausalLanguageModel model, int batchSize)
    {
        if (_validation is not { Count: >= 2 }) yield break;
        var windows = new EvaluationWindows(_validation, model.ContextLength);
        for (long first = 0; first < windows.Count; first += batchSize)
        {
            int rows = (int)Math.Min(batchSize, windows.Count - first);
            var batch = new Batch
            {
                Inputs = new long[rows * model.ContextLength],
                Targets = new long[rows * model.ContextLength],
                Rows = rows,
                Length = model.ContextLength,
                ValidTargets = Enumerable.Range(0, rows).Sum(r => (long)windows.ValidLength(first + r)),
            };
            windows.Fill(first, batch.Inputs, batch.Targets, rows);
            yield return batch;
        }
    }

    /// <inheritdoc/>
    public Tensor Loss(ICausalLanguageModel model, Batch batch, double normalizer)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor ids = tensor(batch.Inputs, [batch.Rows, batch.Length]).to(model.Device);
        Tensor targets = tensor(batch.Targets, [batch.Rows, batch.Length]).to(model.Device);
        return model.Loss(ids, targets, normalizer).MoveToOuterDisposeScope();
    }

    private sealed class WindowSource(WindowSampler sampler, int batchSize) : IBatchSource
    {
        private readonly BatchPrefetcher _prefetcher = new(sampler, batchSize);

        public JsonObject State => DataRules.Describe(_prefetcher.State);

        public Batch Next(CancellationToken cancellationToken)
        {
            WindowBatch windows = _prefetcher.Next(cancellationToken);
            return new Batch
            {
                Inputs = [.. windows.Inputs],   // the prefetcher uses its arrays again
                Targets = [.. windows.Targets],
                Rows = windows.BatchSize,
                Length = windows.ContextLength,
                ValidTargets = windows.Targets.Length,
            };
        }

        public void Dispose() => _prefetcher.Dispose();
    }
}
