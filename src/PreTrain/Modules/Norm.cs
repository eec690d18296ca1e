using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>Layer normalization (Ba, Kiros and Hinton 2016), created without initial values, with its part in <see cref="AddLayerNorm"/>.</summary>
public sealed class Norm : nn.Module<Tensor, Tensor>
{
    /// <summary>The gain, (width).</summary>
    public readonly Parameter weight;

    /// <summary>The shift, (width), or null.</summary>
    public readonly Parameter? bias;

    private readonly double _epsilon;

    /// <summary>Creates the norm with undefined values.</summary>
    /// <param name="width">The length of the normalized axis.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="hasBias">Whether there is a shift.</param>
    public Norm(long width, double epsilon, bool hasBias = true) : base(nameof(Norm))
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        _epsilon = epsilon;
        weight = new Parameter(empty([width], dtype: ScalarType.Float32));
        if (hasBias) bias = new Parameter(empty([width], dtype: ScalarType.Float32));
        RegisterComponents();
    }

    /// <summary>Normalizes the last axis.</summary>
    /// <param name="x">(…, width).</param>
    /// <returns>The same shape.</returns>
    public override Tensor forward(Tensor x) => AddLayerNorm.Norm(x, weight, bias, _epsilon);

    /// <summary>Adds a projection's output, its bias included, to the residual stream, and normalizes the sum.</summary>
    /// <param name="residual">(N, width).</param>
    /// <param name="input">What the projection is applied to, (N, inputs).</param>
    /// <param name="projection">The last map of a sub-layer.</param>
    /// <param name="dropout">The probability with which an element of the update is dropped.</param>
    /// <returns>The sum and its normalized form, both (N, width).</returns>
    public (Tensor Sum, Tensor Normed) Join(Tensor residual, Tensor input, Projection projection, double dropout)
    {
        if (dropout == 0 && projection.bias is not null && bias is not null)
            return AddLayerNorm.Apply(residual, projection.Product(input), projection.bias, weight, bias, _epsilon);
        Tensor sum = residual + CounterDropout.Apply(projection.forward(input), dropout);
        return (sum, forward(sum));
    }

    /// <summary>The normalized form alone, where nothing needs the sum.</summary>
    internal Tensor JoinNormed(Tensor residual, Tensor input, Projection projection, double dropout) =>
        dropout == 0 && projection.bias is not null && bias is not null
            ? AddLayerNorm.ApplyNormed(residual, projection.Product(input), projection.bias, weight, bias, _epsilon)
            : Join(residual, input, projection, dropout).Normed;
}
