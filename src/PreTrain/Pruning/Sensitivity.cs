namespace PreTrain.Pruning;

/// <summary>What a model is worth with a part of it pruned.</summary>
/// <param name="Part">The linear map or the layer that was pruned, alone.</param>
/// <param name="Sparsity">How much of it.</param>
/// <param name="Score">What the evaluation gave then.</param>
public sealed record Sensitivity(string Part, double Sparsity, double Score);
