using System.Runtime.Intrinsics.X86;

namespace PreTrain.Torch.Cpu;

/// <summary>What the processor has beyond what .NET's instruction sets tell.</summary>
internal static class Processor
{
    /// <summary>Whether it multiplies matrices of bfloat16 in a unit of their own (AMX-BF16: Intel SDM, CPUID leaf 7, EDX bit 22).</summary>
    internal static bool HasBFloat16Matrices { get; } =
        X86Base.IsSupported && X86Base.CpuId(0, 0).Eax >= 7 && (X86Base.CpuId(7, 0).Edx & 1 << 22) != 0;
}
