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

    internal static void RequireLittleEndian()
    {
        if (!BitConverter.IsLittleEndian)
            throw new PlatformNotSupportedException("Checkpoint files are little-endian, and this machine is big-endian.");
    }
}
