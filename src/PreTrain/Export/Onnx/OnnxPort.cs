namespace PreTrain.Export.Onnx;

/// <summary>A value that goes into a graph or comes out of it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">The type of its elements.</param>
/// <param name="Axes">The length of each axis: a number, or the name of one that changes from call to call.</param>
internal sealed record OnnxPort(string Name, OnnxType Type, IReadOnlyList<object> Axes);
