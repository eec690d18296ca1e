using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.Torch;

namespace PreTrain.Objectives;

/// <summary>Rows that are windows of a store: where they come from in training, and which are held out.</summary>
internal sealed class TokenWindows
{
    // Held-out rows are always masked in the same way.
    private const ulong EvaluationSeed = 0x6576616C75617465;

    private readonly TokenRange _train;
    private readonly TokenRange? _validation;

    internal TokenWindows(TokenStore tokens, double validationFraction) => (_train, _validation) = DataRules.Split(tokens, validationFraction);

    /// <summary>Draws windows of a length for training.</summary>
    /// <param name="streams">The run's random streams.</param>
    /// <param name="state">From a checkpoint, or null.</param>
    /// <param name="length">Tokens of a window.</param>
    /// <param name="batchSize">Windows of a batch.</param>
    /// <param name="make">Makes a batch of windows and their seeds.</param>
    internal IBatchSource Open(RandomStreams streams, JsonObject? state, int length, int batchSize, Func<long[][], ulong[], Batch> make)
    {
        var sampler = new WindowSampler(_train, length, unchecked((ulong)streams.SeedOf("data")));
        sampler.State = DataRules.StateOf(state, sampler.State);
        return SampledRows.Open(() => sampler.State, sampler.NextWindow, streams.SeedOf("mask"), batchSize, (places, seeds) => make([.. places.Select(place => Read(_train, place, length))], seeds));
    }

    /// <summary>The held-out windows in order; the last one may be shorter.</summary>
    internal IEnumerable<Batch> Evaluation(int length, int batchSize, Func<long[][], ulong[], Batch> make)
    {
        if (_validation is not { Count: >= 2 }) yield break;
        long count = (_validation.Count + length - 1) / length;
        for (long first = 0; first < count; first += batchSize)
        {
            long[] rows = [.. Enumerable.Range(0, (int)Math.Min(batchSize, count - first)).Select(row => first + row)];
            yield return make([.. rows.Select(row => Read(_validation, row * length, (int)Math.Min(length, _validation.Count - row * length)))], [.. rows.Select(SeedOf)]);
        }
    }

    /// <summary>The seed of a held-out row.</summary>
    internal static ulong SeedOf(long row) => MaskRandom.SeedOf(EvaluationSeed, new SamplerState(0, 0, row));

    private static long[] Read(TokenRange range, long start, int length)
    {
        long[] tokens = new long[length];
        range.Read(start, tokens);
        return tokens;
    }
}
