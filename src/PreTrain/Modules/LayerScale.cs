using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// A gain for each channel of a residual branch, near zero at first, so that a deep stack begins close to the identity (Touvron et al. 2021, "Going deeper with
/// Image Transformers", equation 4).
/// </summary>
public sealed class LayerScale : nn.Module<Tensor, Tensor>
{
    /// <summary>The gain, (width).</summary>
    public readonly Parameter gain;

    /// <summary>Creates the gains.</summary>
    /// <param name="width">The length of the last axis.</param>
    /// <param name="initialValue">Their value: in the paper 0.1 up to 18 layers, 10⁻⁵ up to 24, and 10⁻⁶ beyond.</param>
    public LayerScale(long width, double initialValue = 1e-5) : base(nameof(LayerScale))
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        gain = new Parameter(full([width], initialValue, dtype: ScalarType.Float32));
        RegisterComponents();
    }

    /// <summary>Scales a branch's output.</summary>
    /// <param name="x">(…, width).</param>
    /// <returns>The same shape.</returns>
    public override Tensor forward(Tensor x) => x * gain;
}
