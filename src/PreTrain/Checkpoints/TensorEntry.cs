using static TorchSharp.torch;

namespace PreTrain.Checkpoints;

/// <summary>A tensor on its way into a file: what it is, and how its elements get there.</summary>
/// <param name="Name">The tensor's name.</param>
/// <param name="Type">The type of its elements in the file.</param>
/// <param name="Shape">The length of each axis.</param>
/// <param name="WriteElements">Writes the elements, row-major and little-endian. Called once, when the file gets to them.</param>
internal sealed record TensorEntry(string Name, StoredType Type, IReadOnlyList<long> Shape, Action<Stream> WriteElements)
{
    /// <summary>Bytes that are written at a time; a span of bytes cannot hold more than 2^31 − 1.</summary>
    private const long ChunkBytes = 1L << 28;

    internal long ElementCount { get; } = Shape.Aggregate(1L, (product, length) => product * length);

    internal long ByteCount => ElementCount * Type.Bytes;

    /// <summary>The entry before with the very same elements, which a format with shared storages writes once.</summary>
    internal TensorEntry? SharedWith { get; init; }

    /// <summary>The entry for a tensor on any device, contiguous or not.</summary>
    /// <exception cref="ArgumentException">Its element type has no name in files.</exception>
    internal static TensorEntry Of(string name, Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(tensor);
        var type = StoredType.Of(tensor.dtype) ?? throw new ArgumentException(
            $"The tensor '{name}' has elements of the type {tensor.dtype}, which checkpoints cannot hold. Convert it first.", nameof(tensor));
        return new TensorEntry(name, type, tensor.shape, stream => Write(stream, tensor));
    }

    /// <summary>Writes a tensor's elements, row-major.</summary>
    internal static void Write(Stream stream, Tensor tensor)
    {
        if (tensor.NumberOfElements == 0)
            return;
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var flat = tensor.detach().cpu().contiguous().view(-1);
        var count = flat.NumberOfElements;
        var width = flat.element_size();
        for (long first = 0; first < count;)
        {
            var elements = Math.Min(count - first, ChunkBytes / width);
            stream.Write(flat.narrow(0, first, elements).bytes);
            first += elements;
        }
        GC.KeepAlive(flat);
    }
}
