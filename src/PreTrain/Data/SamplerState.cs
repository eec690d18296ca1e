namespace PreTrain.Data;

/// <summary>Where a <see cref="WindowSampler"/> stands. It is all that is needed to go on from there.</summary>
/// <param name="Seed">The seed that all draws follow from.</param>
/// <param name="Epoch">The pass over the data, from 0.</param>
/// <param name="Position">The number of windows already drawn in this epoch.</param>
public readonly record struct SamplerState(ulong Seed, long Epoch, long Position);
