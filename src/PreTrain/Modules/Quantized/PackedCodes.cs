// N rows, I codes of a row
using System.Runtime.CompilerServices;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules.Quantized;

/// <summary>Codes of 4 or 8 bits in words of 32, the first in the lowest bits, each counted from the least (compressed-tensors' <c>pack-quantized</c>). The last word of a row is filled up with zeros.</summary>
internal static unsafe class PackedCodes
{
    /// <summary>The number of words for so many codes.</summary>
    internal static long Words(long codes, int bits) => (codes * bits + 31) / 32;

    /// <summary>(N, I) of signed bytes → (N, words) of 32-bit integers.</summary>
    internal static Tensor Pack(Tensor codes, int bits)
    {
        using Tensor whole = codes.contiguous();
        long rows = codes.size(0), count = codes.size(1), words = Words(count, bits);
        Tensor packed = empty([rows, words], dtype: ScalarType.Int32);
        var from = (sbyte*)TensorMemory.Address(whole);
        var to = (uint*)TensorMemory.Address(packed);
        int each = 32 / bits, least = -(1 << (bits - 1));
        int chunks = ParallelLoop.Chunks(rows, 16);
        ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
        {
            var (first, end) = ParallelLoop.Range(rows, chunks, chunk);
            for (long r = first; r < end; r++)
            {
                sbyte* row = from + r * count;
                for (long w = 0; w < words; w++)
                {
                    uint word = 0;
                    int some = (int)Math.Min(each, count - w * each);
                    for (int k = 0; k < some; k++) word |= (uint)(row[w * each + k] - least) << (k * bits);
                    to[r * words + w] = word;
                }
            }
        });
        return packed;
    }

    /// <summary>(N, words) of 32-bit integers → (N, <paramref name="count"/>) of signed bytes.</summary>
    internal static Tensor Unpack(Tensor packed, int bits, long count)
    {
        using Tensor whole = packed.contiguous();
        long rows = packed.size(0), words = packed.size(1);
        Tensor codes = empty([rows, count], dtype: ScalarType.Int8);
        var from = (uint*)TensorMemory.Address(whole);
        var to = (sbyte*)TensorMemory.Address(codes);
        int each = 32 / bits, least = -(1 << (bits - 1));
        uint mask = (1u << bits) - 1;
        int chunks = ParallelLoop.Chunks(rows, 16);
        ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
        {
            var (first, end) = ParallelLoop.Range(rows, chunks, chunk);
            for (long r = first; r < end; r++)
            {
                sbyte* row = to + r * count;
                for (long w = 0; w * each < count; w++)
                {
                    uint word = from[r * words + w];
                    int some = (int)Math.Min(each, count - w * each);
                    for (int k = 0; k < some; k++) row[w * each + k] = (sbyte)((int)(word >> (k * bits) & mask) + least);
                }
            }
        });
        return codes;
    }
}
