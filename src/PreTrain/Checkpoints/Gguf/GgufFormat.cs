namespace PreTrain.Checkpoints.Gguf;

/// <summary>The numbers of the format, version 3: <see href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">GGUF</see>.</summary>
internal static class GgufFormat
{
    /// <summary>The letters GGUF, read as a little-endian number.</summary>
    internal const uint Magic = 0x46554747;

    /// <summary>The version that is written; 2 is the same but for files of big-endian machines.</summary>
    internal const uint Version = 3;

    /// <summary>Tensors begin at multiples of it, unless <see cref="AlignmentKey"/> says otherwise.</summary>
    internal const int Alignment = 32;

    /// <summary>The axes that a tensor may have.</summary>
    internal const int MostAxes = 4;

    /// <summary>The longest key, in bytes.</summary>
    internal const int LongestKey = 65_535;

    /// <summary>The longest name of a tensor that llama.cpp takes, in bytes.</summary>
    internal const int LongestName = 63;

    internal const string AlignmentKey = "general.alignment", ArchitectureKey = "general.architecture";

    /// <summary>The next multiple of an alignment.</summary>
    internal static long Aligned(long offset, long alignment) => (offset + alignment - 1) / alignment * alignment;
}
