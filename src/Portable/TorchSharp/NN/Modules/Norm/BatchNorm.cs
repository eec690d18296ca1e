using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>Normalizes each channel over the batch (Ioffe and Szegedy, 2015).</summary>
public abstract class BatchNorm : NormBase
{
    public BatchNorm(long num_features, double eps, double momentum, bool affine, bool track_running_stats, Device? device, ScalarType? dtype, string name)
        : base(num_features, eps, momentum, affine, track_running_stats, device, dtype, name)
    {
    }

    public override Tensor forward(Tensor input)
    {
        ValidateInputDimensions(input);
        double factor = momentum ?? 0.0;
        if (training && track_running_stats && num_batches_tracked is { } count)
        {
            Kernels.AddInPlace(count, 1);
            if (momentum is null) factor = 1.0 / Kernels.Item(count);   // the plain average of all batches
        }
        bool ofBatch = training || (running_mean is null && running_var is null);
        bool running = !training || track_running_stats;
        return nn.functional.batch_norm(input, running ? running_mean : null, running ? running_var : null, affine ? weight : null, bias, ofBatch, factor, eps);
    }
}
