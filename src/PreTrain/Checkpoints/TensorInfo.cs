using static TorchSharp.torch;

namespace PreTrain.Checkpoints;

/// <summary>What a checkpoint says about one tensor before its elements are read.</summary>
/// <param name="Name">The tensor's name, unique in its checkpoint.</param>
/// <param name="DataType">The type of the elements as they are read. Where torch lacks the stored one it is wider: see <paramref name="StoredType"/>.</param>
/// <param name="Shape">The length of each axis; empty for a single number.</param>
/// <param name="Offset">The place of its first byte, counted from the file's start.</param>
/// <param name="ByteCount">The bytes that its elements take in the file, each element counted once.</param>
/// <param name="StoredType">
/// The type of the elements in the file, by its name in safetensors: <c>F32</c>, <c>BF16</c>, <c>I64</c>, … The 8-bit floats are read as BFloat16, U16 as Int32,
/// U32 and U64 as Int64; all of that is exact.
/// </param>
/// <param name="File">The path of the file that holds the tensor.</param>
public sealed record TensorInfo(string Name, ScalarType DataType, IReadOnlyList<long> Shape, long Offset, long ByteCount, string StoredType, string File)
{
    /// <summary>The name of an earlier tensor with the same elements in the same place, as PyTorch stores tied weights; else <see langword="null"/>.</summary>
    public string? SharedWith { get; init; }

    /// <summary>The number of elements.</summary>
    public long ElementCount => Shape.Aggregate(1L, (product, length) => product * length);
}
