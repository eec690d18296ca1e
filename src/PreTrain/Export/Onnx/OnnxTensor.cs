namespace PreTrain.Export.Onnx;

/// <summary>Numbers that belong to a graph.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">The type of the elements.</param>
/// <param name="Shape">The length of each axis.</param>
/// <param name="Write">Writes the elements, row-major and little-endian.</param>
internal sealed record OnnxTensor(string Name, OnnxType Type, IReadOnlyList<long> Shape, Action<Stream> Write)
{
    internal long ByteCount { get; } = Shape.Aggregate(1L, (product, length) => product * length) * Type switch { OnnxType.Int64 => 8, OnnxType.Float32 or OnnxType.Int32 => 4, _ => 1 };
}
