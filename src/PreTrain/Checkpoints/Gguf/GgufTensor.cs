using static TorchSharp.torch;

namespace PreTrain.Checkpoints.Gguf;

/// <summary>A tensor on its way into a GGUF file.</summary>
/// <param name="Name">Its name in the file.</param>
/// <param name="Type">How its elements are stored.</param>
/// <param name="Shape">The length of each axis; the last one is that of the blocks.</param>
/// <param name="Values">Gives the elements, when the file gets to them; the tensor is disposed then.</param>
internal sealed record GgufTensor(string Name, GgmlType Type, IReadOnlyList<long> Shape, Func<Tensor> Values)
{
    internal long ElementCount { get; } = Shape.Aggregate(1L, (product, length) => product * length);

    internal long ByteCount => Type.Bytes(ElementCount);
}
