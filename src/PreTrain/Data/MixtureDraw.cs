namespace PreTrain.Data;

/// <summary>What a <see cref="MixtureSampler"/> draws at one place.</summary>
/// <param name="Source">The index of the source.</param>
/// <param name="Epoch">The pass over that source, from 0.</param>
/// <param name="Context">The context of the source.</param>
public readonly record struct MixtureDraw(int Source, long Epoch, int Context);
