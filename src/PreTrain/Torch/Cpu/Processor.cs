using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text;

namespace PreTrain.Torch.Cpu;

/// <summary>What the processor has beyond what .NET's instruction sets tell.</summary>
internal static class Processor
{
    /// <summary>Whether it multiplies matrices of bfloat16 in a unit of their own (AMX-BF16: Intel SDM, CPUID leaf 7, EDX bit 22).</summary>
    internal static bool HasBFloat16Matrices { get; } =
        X86Base.IsSupported && X86Base.CpuId(0, 0).Eax >= 7 && (X86Base.CpuId(7, 0).Edx & 1 << 22) != 0;

    /// <summary>
    /// Whether libtorch multiplies bfloat16 faster on it than 32-bit numbers. Besides a matrix unit that takes the instruction for pairs of them (AVX512_BF16: leaf 7.1, EAX bit 5) at the rate of other ones, as AMD's
    /// processors have it: Intel's have half the rate, at which oneDNN's products take 1.5 times as long as OpenBLAS's in 32 bits, and without the instruction they are emulated, or loops where AVX-512 is missing. Of
    /// other architectures it is supposed.
    /// </summary>
    internal static bool MultipliesBFloat16 { get; } = !X86Base.IsSupported || HasBFloat16Matrices || (IsFromAmd && HasBFloat16Pairs);

    /// <summary>What it calls itself (Intel SDM, CPUID leaves 80000002H to 80000004H), or its architecture where it does not tell.</summary>
    internal static string Name { get; } = Brand() is { Length: > 0 } brand ? brand : RuntimeInformation.ProcessArchitecture.ToString();

    private static bool HasBFloat16Pairs => X86Base.CpuId(0, 0).Eax >= 7 && X86Base.CpuId(7, 0).Eax >= 1 && (X86Base.CpuId(7, 1).Eax & 1 << 5) != 0;

    /// <summary>Whether leaf 0 spells "AuthenticAMD" (AMD64 Architecture Programmer's Manual, volume 3, appendix E.3.1).</summary>
    private static bool IsFromAmd => X86Base.CpuId(0, 0) is { Ebx: 0x68747541, Edx: 0x69746E65, Ecx: 0x444D4163 };

    private static string Brand()
    {
        const int first = unchecked((int)0x80000002), last = first + 2;
        if (!X86Base.IsSupported || (uint)X86Base.CpuId(unchecked((int)0x80000000), 0).Eax < unchecked((uint)last)) return "";
        int[] letters = [.. Enumerable.Range(first, 3).Select(leaf => X86Base.CpuId(leaf, 0)).SelectMany(four => new[] { four.Eax, four.Ebx, four.Ecx, four.Edx })];
        return Encoding.ASCII.GetString(MemoryMarshal.AsBytes<int>(letters)).Trim('\0', ' ');
    }
}
