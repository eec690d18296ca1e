using TorchSharp.Interop;
using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>Normalizes each channel of each example (Ulyanov et al., 2016).</summary>
public abstract class InstanceNorm : NormBase
{
    private static readonly Operator s_unsqueeze = new("unsqueeze"), s_squeeze = new("squeeze", "dim");

    public InstanceNorm(long num_features, double eps, double? momentum, bool affine, bool track_running_stats, Device? device, ScalarType? dtype, string name)
        : base(num_features, eps, momentum ?? 0.1, affine, track_running_stats, device, dtype, name)
    {
    }

    /// <summary>The axes of an input without its batch.</summary>
    protected abstract long GetNumberOfBatchDimensions();

    public override Tensor forward(Tensor input)
    {
        ValidateInputDimensions(input);
        int axis = (int)(input.Dimensions - GetNumberOfBatchDimensions());
        if (input.size(axis) != num_features)
            throw new ArgumentException($"expected input's size at dim={axis} to match num_features ({num_features}), but got: {input.size(axis)}.");
        if (axis != 0) return Apply(input);
        using Tensor batch = s_unsqueeze.Call(input, 0);
        using Tensor result = Apply(batch);
        return s_squeeze.Call(result, 0);
    }

    private Tensor Apply(Tensor input) => nn.functional.instance_norm(input, running_mean, running_var, affine ? weight : null, bias, training || !track_running_stats, momentum ?? 0.1, eps);
}
