using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Torch.Cpu;

/// <summary>Direct access to the memory of tensors on the CPU.</summary>
internal static unsafe class TensorMemory
{
    /// <summary>Whether the C# kernels serve: on the CPU, with 16 float lanes in hardware or twice 8 (AVX2). Elsewhere torch's own operators are used.</summary>
    internal static bool HasKernelsFor(Tensor t) =>
        Lanes.AreSupported && t.device_type == DeviceType.CPU && t.dtype is ScalarType.Float32 or ScalarType.BFloat16;

    /// <summary>The address of the first element. The caller keeps the tensor alive while it is used.</summary>
    /// <exception cref="ArgumentException">The tensor is not contiguous, or not on the CPU.</exception>
    internal static byte* Address(Tensor t)
    {
        if (!t.is_contiguous()) throw new ArgumentException("A kernel needs a contiguous tensor.", nameof(t));
        if (t.numel() == 0) return null;
        // Beyond 2 GiB there is no span.
        return t.numel() * t.element_size() <= int.MaxValue ? (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(t.bytes)) : AddressOfView(t);
    }

    /// <summary>The address of the first element of a tensor whose rows need not lie side by side: that of a view of it alone, since a storage of another element type is a copy.</summary>
    internal static byte* AddressOfView(Tensor t)
    {
        using Tensor first = t.as_strided([1], [1], t.storage_offset());
        return (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(first.bytes));
    }
}
