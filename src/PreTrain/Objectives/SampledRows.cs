using PreTrain.Data;
using PreTrain.Data.Masking;

namespace PreTrain.Objectives;

/// <summary>Batches of rows that a sampler draws one by one.</summary>
internal static class SampledRows
{
    /// <summary>Makes them ahead, on one thread.</summary>
    /// <param name="state">Where the sampler stands, before the row that it draws next.</param>
    /// <param name="next">Draws: the row's place.</param>
    /// <param name="maskSeed">The seed of the <c>mask</c> stream.</param>
    /// <param name="batchSize">Rows of a batch.</param>
    /// <param name="make">Makes a batch of places and seeds, which depend on where the sampler stood alone.</param>
    internal static IBatchSource Open(Func<SamplerState> state, Func<long> next, long maskSeed, int batchSize, Func<long[], ulong[], Batch> make)
    {
        if (batchSize < 1) throw new ArgumentOutOfRangeException(nameof(batchSize), batchSize, $"batchSize ({batchSize}) must be at least 1.");
        return new PreparedSource<SamplerState, Batch>(new(state(), _ =>
        {
            long[] places = new long[batchSize];
            ulong[] seeds = new ulong[batchSize];
            for (int row = 0; row < batchSize; row++)
            {
                seeds[row] = MaskRandom.SeedOf(unchecked((ulong)maskSeed), state());
                places[row] = next();
            }
            return (state(), () => make(places, seeds));
        }), DataRules.Describe, batch => batch);
    }
}
