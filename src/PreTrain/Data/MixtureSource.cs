namespace PreTrain.Data;

/// <summary>One source of a <see cref="MixtureSampler"/>.</summary>
/// <param name="Name">Its name, for reports and errors.</param>
/// <param name="Contexts">What is drawn from it.</param>
/// <param name="Weight">Its share of the draws, as a multiple of any unit; more than 0.</param>
public sealed record MixtureSource(string Name, PackedContexts Contexts, double Weight);
