namespace PreTrain.Checkpoints.Gguf;

/// <summary>Encodes the elements of whole blocks.</summary>
/// <param name="values">The elements.</param>
/// <param name="bytes">Receives the blocks one after another.</param>
internal delegate void BlockEncoder(ReadOnlySpan<float> values, Span<byte> bytes);

/// <summary>Decodes whole blocks.</summary>
/// <param name="bytes">The blocks one after another.</param>
/// <param name="values">Receives the elements.</param>
internal delegate void BlockDecoder(ReadOnlySpan<byte> bytes, Span<float> values);

/// <summary>How a GGUF file stores the elements of a tensor: in blocks along its rows.</summary>
/// <param name="Name">What llama.cpp calls it.</param>
/// <param name="Code">Its number in files.</param>
/// <param name="BlockLength">The elements of a block.</param>
/// <param name="BlockBytes">The bytes of a block.</param>
/// <param name="Encode">Writes blocks.</param>
/// <param name="Decode">Reads blocks.</param>
internal sealed record GgmlType(string Name, uint Code, int BlockLength, int BlockBytes, BlockEncoder Encode, BlockDecoder Decode)
{
    internal static readonly GgmlType F32 = new("F32", 0, 1, 4, PlainElements.EncodeSingle, PlainElements.DecodeSingle);
    internal static readonly GgmlType F16 = new("F16", 1, 1, 2, PlainElements.EncodeHalf, PlainElements.DecodeHalf);
    internal static readonly GgmlType BF16 = new("BF16", 30, 1, 2, PlainElements.EncodeBrain, PlainElements.DecodeBrain);
    internal static readonly GgmlType Q40 = new("Q4_0", 2, 32, 18, SmallBlocks.EncodeQ40, SmallBlocks.DecodeQ40);
    internal static readonly GgmlType Q41 = new("Q4_1", 3, 32, 20, SmallBlocks.EncodeQ41, SmallBlocks.DecodeQ41);
    internal static readonly GgmlType Q50 = new("Q5_0", 6, 32, 22, SmallBlocks.EncodeQ50, SmallBlocks.DecodeQ50);
    internal static readonly GgmlType Q51 = new("Q5_1", 7, 32, 24, SmallBlocks.EncodeQ51, SmallBlocks.DecodeQ51);
    internal static readonly GgmlType Q80 = new("Q8_0", 8, 32, 34, SmallBlocks.EncodeQ80, SmallBlocks.DecodeQ80);
    internal static readonly GgmlType Q4K = new("Q4_K", 12, 256, 144, AffineSuperBlocks.EncodeQ4, AffineSuperBlocks.DecodeQ4);
    internal static readonly GgmlType Q5K = new("Q5_K", 13, 256, 176, AffineSuperBlocks.EncodeQ5, AffineSuperBlocks.DecodeQ5);
    internal static readonly GgmlType Q6K = new("Q6_K", 14, 256, 210, SymmetricSuperBlocks.Encode, SymmetricSuperBlocks.Decode);

    /// <summary>The types that are known, by their numbers.</summary>
    internal static readonly IReadOnlyDictionary<uint, GgmlType> ByCode =
        new[] { F32, F16, Q40, Q41, Q50, Q51, Q80, Q4K, Q5K, Q6K, BF16 }.ToDictionary(type => type.Code);

    /// <summary>Whether rows of this length consist of whole blocks.</summary>
    internal bool Fits(long width) => width % BlockLength == 0;

    /// <summary>The bytes of so many elements.</summary>
    internal long Bytes(long elements) => elements / BlockLength * BlockBytes;

    /// <inheritdoc/>
    public override string ToString() => Name;
}
