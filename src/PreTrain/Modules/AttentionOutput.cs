using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>What attention gives.</summary>
/// <param name="Rows">The heads' outputs side by side, (N, H·D).</param>
/// <param name="Weights">The weights, (B, H, T, S) over the longest sequences with zeros outside; null unless they were asked for.</param>
/// <param name="Values">The values that they weigh, (B, H, S, D), zeros behind a sequence's end; null unless the weights were asked for.</param>
public readonly record struct AttentionOutput(Tensor Rows, Tensor? Weights, Tensor? Values);
