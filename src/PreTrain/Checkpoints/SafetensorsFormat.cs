using static TorchSharp.torch;

namespace PreTrain.Checkpoints;

/// <summary>
/// What reader and writer agree on. A file is the header's length (64 bits, little-endian), the header (JSON, padded with spaces to a
/// multiple of 8 bytes) and the elements of all tensors, row-major and little-endian, without gaps.
/// </summary>
internal static class SafetensorsFormat
{
    internal const int PrefixBytes = sizeof(ulong);
    internal const int MaxHeaderBytes = 100_000_000;
    internal const string MetadataKey = "__metadata__";

    /// <summary>Bytes that are moved at a time; a span of bytes cannot hold more than 2^31 − 1.</summary>
    internal const long ChunkBytes = 1L << 28;

    // In the order in which the reference implementation lays tensors out: descending, so that each begins at a multiple of its element's size.
    private static readonly (string Name, ScalarType Type, int Bytes)[] types =
    [
        ("BOOL", ScalarType.Bool, 1),
        ("U8", ScalarType.Byte, 1),
        ("I8", ScalarType.Int8, 1),
        ("I16", ScalarType.Int16, 2),
        ("F16", ScalarType.Float16, 2),
        ("BF16", ScalarType.BFloat16, 2),
        ("I32", ScalarType.Int32, 4),
        ("F32", ScalarType.Float32, 4),
        ("F64", ScalarType.Float64, 8),
        ("I64", ScalarType.Int64, 8),
    ];

    internal static string KnownNames => string.Join(", ", types.Select(t => t.Name));

    /// <summary>The place of an element type in the layout's order, or −1 for a type that the format cannot hold here.</summary>
    internal static int Rank(ScalarType type) => Array.FindIndex(types, t => t.Type == type);

    internal static int Rank(string name) => Array.FindIndex(types, t => t.Name == name);

    internal static string NameOf(int rank) => types[rank].Name;

    internal static ScalarType TypeOf(int rank) => types[rank].Type;

    internal static int BytesOf(int rank) => types[rank].Bytes;

    internal static void RequireLittleEndian()
    {
        if (!BitConverter.IsLittleEndian)
            throw new PlatformNotSupportedException("Safetensors files are little-endian, and this machine is big-endian.");
    }
}
