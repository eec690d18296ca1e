namespace PreTrain.Export.Onnx;

/// <summary>A setting of an operator.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Value">A long, a float or longs.</param>
internal sealed record OnnxAttribute(string Name, object Value);
