using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Torch.Cpu;

/// <summary>Direct access to the memory of tensors on the CPU.</summary>
internal static unsafe class TensorMemory
{
    /// <summary>Whether the C# kernels serve: on the CPU, with 16 float lanes in hardware. Elsewhere torch's own operators are used.</summary>
    internal static bool HasKernelsFor(Tensor t) =>
        Vector512.IsHardwareAccelerated && t.device_type == DeviceType.CPU && t.dtype is ScalarType.Float32 or ScalarType.BFloat16;

    /// <summary>The address of the first element. The caller keeps the tensor alive while it is used.</summary>
    /// <exception cref="ArgumentException">The tensor is not contiguous, or not on the CPU.</exception>
    internal static byte* Address(Tensor t)
    {
        if (!t.is_contiguous()) throw new ArgumentException("A kernel needs a contiguous tensor.", nameof(t));
        if (t.numel() == 0) return null;
        if (t.numel() * t.element_size() <= int.MaxValue) return (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(t.bytes));
        // Beyond 2 GiB there is no span; a storage gives its first byte's address whatever its element type is taken for.
        nint storage = t.storage<long>().data_ptr();
        return (byte*)storage + t.storage_offset() * t.element_size();
    }

    /// <summary>The address of the first element of a tensor whose rows need not lie side by side.</summary>
    internal static byte* AddressOfView(Tensor t) => t.is_contiguous() ? Address(t) : (byte*)t.storage<long>().data_ptr() + t.storage_offset() * t.element_size();
}
