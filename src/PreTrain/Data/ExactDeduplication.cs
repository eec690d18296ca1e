using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace PreTrain.Data;

/// <summary>Drops documents that came before, letter for letter. It remembers 16 bytes of each.</summary>
/// <remarks>Texts are compared by the first half of their SHA-256; that two different ones fall together is less likely than a fault of the memory.</remarks>
public sealed class ExactDeduplication : CorpusStep
{
    /// <inheritdoc/>
    public override string Name => "exact deduplication";

    /// <inheritdoc/>
    protected internal override void Process(string document, CorpusStepOutput output) => throw new NotSupportedException("A step with memory decides in order.");

    internal override StepMemory CreateMemory() => new Memory();

    private sealed class Memory : StepMemory
    {
        private readonly HashSet<UInt128> seen = [];

        public override object Prepare(string document)
        {
            Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
            SHA256.HashData(MemoryMarshal.AsBytes(document.AsSpan()), hash);
            return BinaryPrimitives.ReadUInt128LittleEndian(hash);
        }

        public override string? Decide(object prepared) => seen.Add((UInt128)prepared) ? null : "duplicate";
    }
}
