using System.Runtime.CompilerServices;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Torch;

/// <summary>
/// Parameters whose gradients may be added to their <c>grad</c> inside the backward pass, by the operation that computes them, and not by
/// autograd afterwards. A matrix product then accumulates in place, which saves memory of the weight's size and two passes over it.
/// </summary>
/// <remarks>Autograd sees no gradient of such a use, so that hooks on the parameter do not run. Whoever lays gradients out in a buffer decides that.</remarks>
internal static class GradientBuffers
{
    private static readonly ConditionalWeakTable<Tensor, Tensor> s_buffers = [];

    /// <summary>Lets a parameter's gradients be added to a buffer, which must be its <c>grad</c>.</summary>
    internal static void Bind(Tensor parameter, Tensor buffer) => s_buffers.AddOrUpdate(parameter, buffer);

    /// <summary>Leaves a parameter's gradients to autograd again.</summary>
    internal static void Release(Tensor parameter) => s_buffers.Remove(parameter);

    /// <summary>Whether gradients of the parameter go to a buffer.</summary>
    internal static bool Has(Tensor parameter) => s_buffers.TryGetValue(parameter, out _);

    /// <summary>The buffer that the parameter's gradient is to be added to; null if it has none, or its <c>grad</c> has been replaced since.</summary>
    internal static Tensor? Of(Tensor parameter)
    {
        if (!s_buffers.TryGetValue(parameter, out Tensor? buffer) || buffer.IsInvalid) return null;
        using Tensor? current = parameter.grad;
        return current is not null && IsSame(current, buffer) ? buffer : null;
    }

    /// <summary>Whether two handles stand for one tensor, or for the same memory. Providers differ in whether two reads of a gradient give one handle.</summary>
    internal static unsafe bool IsSame(Tensor a, Tensor b) =>
        a.Handle == b.Handle || (a.device_type == DeviceType.CPU && b.device_type == DeviceType.CPU && a.is_contiguous() && TensorMemory.Address(a) == TensorMemory.Address(b));
}
