namespace PreTrain.Export.Onnx;

/// <summary>An operator of a graph.</summary>
/// <param name="Operator">Its name in the standard set of operators.</param>
/// <param name="Inputs">The names of the values that it reads.</param>
/// <param name="Outputs">The names of those that it computes.</param>
/// <param name="Attributes">Its settings.</param>
internal sealed record OnnxNode(string Operator, IReadOnlyList<string> Inputs, IReadOnlyList<string> Outputs, IReadOnlyList<OnnxAttribute> Attributes);
