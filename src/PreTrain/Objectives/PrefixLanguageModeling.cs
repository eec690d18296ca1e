using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.Models;
using PreTrain.Modules;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Objectives;

/// <summary>
/// A decoder reads the beginning of a text from both sides and predicts the rest from left to right (Liu et al. 2018, section 4.2.3; Raffel et al. 2020, section 3.2.1; Dong et al.
/// 2019, section 2.3). The prefix ends at any place of a row with the same probability, and anew each time; its last token is the first that predicts.
/// </summary>
public sealed class PrefixLanguageModeling : IObjective<ICausalLanguageModel>
{
    private readonly TokenStore _tokens;
    private readonly TokenWindows _windows;
    private readonly double _fraction;

    /// <summary>Splits a store.</summary>
    /// <param name="tokens">The tokens; they stay the caller's to dispose.</param>
    /// <param name="validationFraction">The share of tokens at the store's end that is held out, from 0 (none) to below 1.</param>
    public PrefixLanguageModeling(TokenStore tokens, double validationFraction = 0.05)
    {
        _windows = new TokenWindows(tokens, validationFraction);
        (_tokens, _fraction) = (tokens, validationFraction);
    }

    /// <inheritdoc/>
    public string Name => "prefix-lm";

    /// <inheritdoc/>
    public bool IsTokenPrediction => true;

    /// <inheritdoc/>
    public JsonObject Describe() => DataRules.Describe(Name, _tokens, _fraction);

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The store's vocabulary is larger than the model's, or <paramref name="state"/> is not from such a source.</exception>
    /// <exception cref="CorpusException">The store holds less than one context.</exception>
    public IBatchSource Open(RandomStreams streams, ICausalLanguageModel model, int batchSize, JsonObject? state = null)
    {
        DataRules.RequireVocabulary(_tokens, model.VocabSize);
        return _windows.Open(streams, state, model.ContextLength + 1, batchSize, Make);
    }

    /// <inheritdoc/>
    public IEnumerable<Batch> Evaluation(ICausalLanguageModel model, int batchSize) => _windows.Evaluation(model.ContextLength + 1, batchSize, Make);

    /// <inheritdoc/>
    public Tensor Loss(ICausalLanguageModel model, Batch batch, double normalizer)
    {
        using DisposeScope scope = NewDisposeScope();
        var (input, targets) = BatchTensors.Of(batch, model.Device);
        return scope.MoveToOuter(model.Loss(input, targets, normalizer));
    }

    private Batch Make(long[][] windows, ulong[] seeds)
    {
        long[][] inputs = new long[windows.Length][], targets = new long[windows.Length][];
        int[] prefixes = new int[windows.Length];
        for (int row = 0; row < windows.Length; row++)
        {
            // One token alone, the rest of what is held out, has nothing to predict.
            inputs[row] = windows[row].Length == 1 ? windows[row] : windows[row][..^1];
            targets[row] = windows[row].Length == 1 ? [CrossEntropy.Ignored] : windows[row][1..];
            prefixes[row] = 1 + new MaskRandom(seeds[row]).Next(inputs[row].Length);
            targets[row].AsSpan(..(prefixes[row] - 1)).Fill(CrossEntropy.Ignored);
        }
        return RowBatch.Of(inputs, targets, _tokens.EndOfTextId) with { PrefixLengths = prefixes };
    }
}
