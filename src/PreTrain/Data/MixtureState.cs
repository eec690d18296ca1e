namespace PreTrain.Data;

/// <summary>Where a <see cref="MixtureSampler"/> stands. It is all that is needed to go on from there, with any number of processes.</summary>
/// <param name="Seed">The seed that all draws follow from.</param>
/// <param name="Position">The number of contexts that all processes together have drawn.</param>
public readonly record struct MixtureState(ulong Seed, long Position);
