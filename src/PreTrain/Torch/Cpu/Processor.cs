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
    /// Whether libtorch's products of bfloat16 are made for it: those of oneDNN ask for AVX-512 BW, DQ and VL (leaf 7, EBX bits 30, 17 and 31). Of other architectures it is supposed.
    /// </summary>
    internal static bool MultipliesBFloat16 { get; } =
        !X86Base.IsSupported || HasBFloat16Matrices || (X86Base.CpuId(0, 0).Eax >= 7 && (~X86Base.CpuId(7, 0).Ebx & (1 << 30 | 1 << 17 | 1 << 31)) == 0);

    /// <summary>What it calls itself (Intel SDM, CPUID leaves 80000002H to 80000004H), or its architecture where it does not tell.</summary>
    internal static string Name { get; } = Brand() is { Length: > 0 } brand ? brand : RuntimeInformation.ProcessArchitecture.ToString();

    private static string Brand()
    {
        const int first = unchecked((int)0x80000002), last = first + 2;
        if (!X86Base.IsSupported || (uint)X86Base.CpuId(unchecked((int)0x80000000), 0).Eax < unchecked((uint)last)) return "";
        int[] letters = [.. Enumerable.Range(first, 3).Select(leaf => X86Base.CpuId(leaf, 0)).SelectMany(four => new[] { four.Eax, four.Ebx, four.Ecx, four.Edx })];
        return Encoding.ASCII.GetString(MemoryMarshal.AsBytes<int>(letters)).Trim('\0', ' ');
    }
}
