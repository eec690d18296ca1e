using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Torch;

/// <summary>Whether a device computes with 16-bit floats. CUDA devices do; libtorch does on the processor from version 2.2 on.</summary>
public static class HalfPrecision
{
    /// <summary>Tries what a model needs: a product and its gradients.</summary>
    /// <param name="device">The device.</param>
    /// <param name="fault">What libtorch says; null where it can.</param>
    public static bool IsSupported(Device device, out string? fault)
    {
        ArgumentNullException.ThrowIfNull(device);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable recording = enable_grad();
        try
        {
            Tensor a = ones([2, 3], dtype: ScalarType.Float16, device: device, requires_grad: true), b = ones([5, 3], dtype: ScalarType.Float16, device: device);
            nn.functional.softmax(matmul(a, b.t()), 1).to(ScalarType.Float32).sum().backward();
            fault = null;
            return true;
        }
        catch (ExternalException e)
        {
            fault = e.Message.Split('\n')[0];
            return false;
        }
    }

    /// <summary>Requires that a device computes with 16-bit floats.</summary>
    /// <param name="device">The device.</param>
    /// <exception cref="ArgumentException">It does not.</exception>
    public static void Require(Device device)
    {
        if (!IsSupported(device, out string? fault))
            throw new ArgumentException($"Precision (Float16) must be one that the device '{device}' computes with, and this libtorch says: {fault} Use Float32 or BFloat16, a CUDA device, or a newer libtorch.");
    }
}
