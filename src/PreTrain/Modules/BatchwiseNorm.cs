// N rows of a batch, C channels
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// Batch normalization (Ioffe and Szegedy 2015, algorithm 1) by the mean and the variance of the rows at hand, in evaluation too, so that there is nothing to keep besides parameters. It
/// computes in 32 bits.
/// </summary>
internal sealed class BatchwiseNorm : nn.Module<Tensor, Tensor>
{
    private const double Epsilon = 1e-5;

    internal readonly Parameter? weight, bias;

    /// <param name="width">C.</param>
    /// <param name="hasGain">Whether there are a gain, of 1 at first, and a shift, of 0.</param>
    internal BatchwiseNorm(long width, bool hasGain) : base(nameof(BatchwiseNorm))
    {
        if (hasGain) (weight, bias) = (new Parameter(ones([width], dtype: ScalarType.Float32)), new Parameter(zeros([width], dtype: ScalarType.Float32)));
        RegisterComponents();
    }

    /// <summary>(N, C) → (N, C) in 32 bits.</summary>
    public override Tensor forward(Tensor x)
    {
        using DisposeScope scope = NewDisposeScope();
        x = x.to(ScalarType.Float32);
        Tensor centred = x - x.mean([0], keepdim: true);
        Tensor result = centred * (centred.square().mean([0], keepdim: true) + Epsilon).rsqrt();
        if (weight is not null) result = result * weight.to(ScalarType.Float32) + bias!.to(ScalarType.Float32);
        return scope.MoveToOuter(result);
    }
}
