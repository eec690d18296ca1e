using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace PreTrain.Torch.Cpu;

/// <summary>Elementary functions on 16 lanes.</summary>
internal static class VectorMath
{
    /// <summary>
    /// e^x within 2 units in the last place: x = n·ln 2 + r with |r| ≤ ln 2 / 2, a polynomial in r (Cephes, expf), and n added to
    /// the exponent. Where e^x is below the smallest normal number (x below −87.3) the result is 0, above 88.7 it is infinite, of NaN it is NaN.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Exp(Vector512<float> x)
    {
        Vector512<float> clamped = Vector512.Min(Vector512.Max(x, Vector512.Create(-87.33654f)), Vector512.Create(88.72283f));
        Vector512<float> n = Vector512.Round(clamped * Vector512.Create(1.44269504f));
        Vector512<float> r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-0.693359375f), clamped);
        r = Vector512.FusedMultiplyAdd(n, Vector512.Create(2.12194440e-4f), r);

        Vector512<float> p = Vector512.Create(1.9875691500e-4f);
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1.3981999507e-3f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(8.3334519073e-3f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(4.1665795894e-2f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1.6666665459e-1f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(5.0000001201e-1f));
        p = Vector512.FusedMultiplyAdd(p, r * r, r + Vector512<float>.One);

        // n reaches 128 at the upper end, so the scale 2^n is applied in two halves.
        Vector512<int> exponent = Vector512.ConvertToInt32(n);
        Vector512<int> half = exponent >> 1;
        Vector512<float> low = ((half + Vector512.Create(127)) << 23).AsSingle();
        Vector512<float> high = ((exponent - half + Vector512.Create(127)) << 23).AsSingle();
        Vector512<float> result = p * low * high;
        result = Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512.Create(-87.33654f)), Vector512<float>.Zero, result);
        return Vector512.ConditionalSelect(Vector512.GreaterThan(x, Vector512.Create(88.72283f)), Vector512.Create(float.PositiveInfinity), result);
    }

    /// <summary>√(2/π) and the cubic coefficient of the tanh form of GELU (Hendrycks and Gimpel 2016, section 2).</summary>
    private const float GeluScale = 0.7978845608f, GeluCubic = 0.044715f;

    /// <summary>GELU in its tanh form: x·σ(2z) with z = √(2/π)(x + 0.044715 x³), since ½(1 + tanh z) = σ(2z).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Gelu(Vector512<float> x)
    {
        Vector512<float> cubic = Vector512.FusedMultiplyAdd(x * x, Vector512.Create(GeluCubic), Vector512<float>.One);
        Vector512<float> e = Exp(x * cubic * Vector512.Create(-2 * GeluScale));
        return x / (Vector512<float>.One + e);
    }

    /// <summary>The derivative of <see cref="Gelu"/>: σ + x·2z′·σ(1 − σ).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> GeluDerivative(Vector512<float> x)
    {
        Vector512<float> square = x * x;
        Vector512<float> cubic = Vector512.FusedMultiplyAdd(square, Vector512.Create(GeluCubic), Vector512<float>.One);
        Vector512<float> e = Exp(x * cubic * Vector512.Create(-2 * GeluScale));
        Vector512<float> sigmoid = Vector512<float>.One / (Vector512<float>.One + e);
        Vector512<float> slope = Vector512.FusedMultiplyAdd(square, Vector512.Create(2 * GeluScale * 3 * GeluCubic), Vector512.Create(2 * GeluScale));
        // 1 − σ = e·σ, where the difference would lose what is left of σ near 1; the bound keeps ∞·0 out.
        Vector512<float> rest = Vector512.MinNative(e, Vector512.Create(1e30f)) * sigmoid;
        return Vector512.FusedMultiplyAdd(x * slope, sigmoid * rest, sigmoid);
    }
}
