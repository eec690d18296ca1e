using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>x / √(mean x² + ε) · gain over the last axis, in 32 bits (Zhang and Sennrich 2019, equation 4), created without initial values.</summary>
public sealed class RmsNorm : nn.Module<Tensor, Tensor>
{
    /// <summary>The gain, (width).</summary>
    public readonly Parameter weight;

    private readonly double _epsilon;

    /// <summary>Creates the norm with undefined values.</summary>
    /// <param name="width">The length of the normalized axis.</param>
    /// <param name="epsilon">Added to the mean square.</param>
    public RmsNorm(long width, double epsilon) : base(nameof(RmsNorm))
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        _epsilon = epsilon;
        weight = new Parameter(empty([width], dtype: ScalarType.Float32));
        RegisterComponents();
    }

    /// <summary>Normalizes the last axis.</summary>
    /// <param name="x">(…, width).</param>
    /// <returns>The same shape and type.</returns>
    public override Tensor forward(Tensor x) => AddRmsNorm.Norm(x, weight, _epsilon);

    /// <summary>Adds a projection's output to the residual stream, and normalizes the sum.</summary>
    /// <param name="residual">(N, width).</param>
    /// <param name="input">What the projection is applied to, (N, inputs).</param>
    /// <param name="projection">The last map of a sub-layer.</param>
    /// <returns>The sum and its normalized form, both (N, width).</returns>
    public (Tensor Sum, Tensor Normed) Join(Tensor residual, Tensor input, Projection projection) => AddRmsNorm.Apply(residual, projection.forward(input), weight, _epsilon);
}
