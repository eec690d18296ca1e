namespace PreTrain.Torch;

/// <summary>The calls of one operator of torch.</summary>
/// <param name="Name">The operator, such as <c>aten::mm</c>, or the node of a backward pass.</param>
/// <param name="Calls">How often it was called.</param>
/// <param name="Seconds">The time in it and in what it called.</param>
/// <param name="SelfSeconds">The time in it alone.</param>
public sealed record OperatorTime(string Name, long Calls, double Seconds, double SelfSeconds);
