using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>Instance normalization of (N, C, H, W), or of one example.</summary>
public sealed class InstanceNorm2d : InstanceNorm
{
    internal InstanceNorm2d(long num_features, double eps, double momentum, bool affine, bool track_running_stats, Device? device, ScalarType? dtype)
        : base(num_features, eps, momentum, affine, track_running_stats, device, dtype, nameof(InstanceNorm2d))
    {
    }

    protected override long GetNumberOfBatchDimensions() => 3;

    protected override void ValidateInputDimensions(Tensor input)
    {
        if (!(input.Dimensions is 3 or 4)) throw new ArgumentException($"expected 3 or 4 dimensions, but got {input.Dimensions}");
    }
}
