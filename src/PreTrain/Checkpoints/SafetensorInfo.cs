using static TorchSharp.torch;

namespace PreTrain.Checkpoints;

/// <summary>What the header of a safetensors file says about one tensor.</summary>
/// <param name="Name">The tensor's name, unique in its file.</param>
/// <param name="DataType">The type of its elements.</param>
/// <param name="Shape">The length of each axis; empty for a single number.</param>
/// <param name="Offset">The place of its first byte, counted from the file's start.</param>
/// <param name="ByteCount">The bytes that its elements take.</param>
public sealed record SafetensorInfo(string Name, ScalarType DataType, IReadOnlyList<long> Shape, long Offset, long ByteCount);
