using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>Which elements of a tensor dropout keeps: those whose number is at least a threshold.</summary>
/// <param name="Key">What the numbers follow from, with the places of the elements.</param>
/// <param name="Threshold">p·2³².</param>
/// <param name="Scale">What the kept elements are multiplied with, 1 / (1 − p).</param>
internal sealed record DropoutMask(ulong Key, uint Threshold, float Scale)
{
    /// <summary>A mask with a key from torch's default generator of the CPU.</summary>
    /// <param name="probability">p, from 0 to below 1.</param>
    internal static DropoutMask Draw(double probability)
    {
        using Tensor drawn = randint(0, long.MaxValue, [1], dtype: ScalarType.Int64);
        return new((ulong)drawn.item<long>(), (uint)Math.Min(uint.MaxValue, Math.Round(probability * (1L << 32))), (float)(1 / (1 - probability)));
    }

    /// <summary>The scale where one of the lowest 16 bits is set, and 0 elsewhere.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Select(uint bits, Vector512<float> scale)
    {
        Vector512<int> own = Vector512.Create(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768);
        return Vector512.Equals(Vector512.Create((int)bits) & own, own).AsSingle() & scale;
    }
}
