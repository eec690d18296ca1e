using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace PreTrain.Torch.Cpu;

/// <summary>Elementary functions on 16 lanes.</summary>
internal static class VectorMath
{
    /// <summary>
    /// e^x within 2 units in the last place: x = n·ln 2 + r with |r| ≤ ln 2 / 2, a polynomial in r (Cephes, expf), scaled by 2^n. Below
    /// −104 the result is 0, above 88.8 it is infinite, of NaN it is NaN.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Exp(Vector512<float> x)
    {
        Vector512<float> clamped = AtMost(89f, Vector512.MaxNative(Vector512.Create(-105f), x));
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
        return Scale(p, n);
    }

    /// <summary>p·2^n for integers n from −152 to 129, rounded once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Scale(Vector512<float> p, Vector512<float> n)
    {
        if (Avx512F.IsSupported) return Avx512F.Scale(p, n);
        // In two steps, since neither half leaves the normal numbers; a NaN of p stays one.
        Vector512<int> whole = Vector512.ConvertToInt32Native(n), half = whole >> 1;
        return p * PowerOfTwo(half) * PowerOfTwo(whole - half);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector512<float> PowerOfTwo(Vector512<int> exponent) => ((exponent + Vector512.Create(127)) << 23).AsSingle();
    }

    /// <summary>The smaller of a bound and x, and NaN where x is: with it as the second operand these instructions pass it on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> AtMost(float bound, Vector512<float> x) => Vector512.MinNative(Vector512.Create(bound), x);

    /// <summary>1/x within 1 unit in the last place, for normal x up to 2^126: an estimate of 14 bits and one step of Newton's method where there is one, else divided.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Reciprocal(Vector512<float> x)
    {
        if (!Avx512F.IsSupported) return Vector512<float>.One / x;
        Vector512<float> estimate = Avx512F.Reciprocal14(x);
        return estimate * Vector512.FusedMultiplyAdd(-x, estimate, Vector512.Create(2f));
    }

    /// <summary>The largest of 16 lanes; NaN lanes are passed over or taken, as the hardware does.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Max(Vector512<float> v)
    {
        Vector256<float> eight = Avx.Max(v.GetLower(), v.GetUpper());
        Vector128<float> four = Sse.Max(eight.GetLower(), eight.GetUpper());
        four = Sse.Max(four, Sse.Shuffle(four, four, 0b_00_01_10_11));
        return Sse.Max(four, Sse.Shuffle(four, four, 0b_00_00_00_01)).ToScalar();
    }

    /// <summary>All bits of the first <paramref name="count"/> lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> FirstLanes(long count) => Vector512.LessThan(Vector512<int>.Indices, Vector512.Create((int)count)).AsSingle();

    /// <summary>√(2/π) and the cubic coefficient of the tanh form of GELU (Hendrycks and Gimpel 2016, section 2).</summary>
    private const float GeluScale = 0.7978845608f, GeluCubic = 0.044715f;

    /// <summary>GELU in its tanh form: x·σ(2z) with z = √(2/π)(x + 0.044715 x³), since ½(1 + tanh z) = σ(2z).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Gelu(Vector512<float> x)
    {
        Vector512<float> cubic = Vector512.FusedMultiplyAdd(x * x, Vector512.Create(GeluCubic), Vector512<float>.One);
        return x * Reciprocal(Vector512<float>.One + NegativeExp(x * cubic));
    }

    /// <summary>The derivative of <see cref="Gelu"/>: σ + x·2z′·σ(1 − σ).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> GeluDerivative(Vector512<float> x)
    {
        Vector512<float> square = x * x;
        Vector512<float> cubic = Vector512.FusedMultiplyAdd(square, Vector512.Create(GeluCubic), Vector512<float>.One);
        Vector512<float> e = NegativeExp(x * cubic), sigmoid = Reciprocal(Vector512<float>.One + e);
        Vector512<float> slope = Vector512.FusedMultiplyAdd(square, Vector512.Create(2 * GeluScale * 3 * GeluCubic), Vector512.Create(2 * GeluScale));
        // 1 − σ = e·σ, where the difference would lose what is left of σ near 1.
        return Vector512.FusedMultiplyAdd(x * slope, sigmoid * (e * sigmoid), sigmoid);
    }

    /// <summary>e^(−2z), kept below what <see cref="Reciprocal"/> takes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> NegativeExp(Vector512<float> cubic) =>
        Exp(AtMost(87f, cubic * Vector512.Create(-2 * GeluScale)));

    /// <summary>x·Φ(x), with |x|·Φ(−|x|) taken from max(0, x), so that nothing cancels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> ExactGelu(Vector512<float> x)
    {
        Vector512<float> size = Size(x);
        return Vector512.FusedMultiplyAdd(-size, Tail(size, SquareExp(size)), Vector512.MaxNative(Vector512<float>.Zero, x));
    }

    /// <summary>The derivative of <see cref="ExactGelu"/>: Φ(x) + x·φ(x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> ExactGeluDerivative(Vector512<float> x)
    {
        Vector512<float> size = Size(x), e = SquareExp(size), tail = Tail(size, e);
        Vector512<float> below = Vector512.FusedMultiplyAdd(-size, e * Vector512.Create(InverseRootOf2Pi), tail);   // of −|x|
        return Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512<float>.Zero), below, Vector512<float>.One - below);
    }

    /// <summary>x·σ(x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Silu(Vector512<float> x) => x * Reciprocal(Vector512<float>.One + Exp(AtMost(87f, -x)));

    /// <summary>The derivative of <see cref="Silu"/>: σ + x·σ·(1 − σ).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> SiluDerivative(Vector512<float> x)
    {
        Vector512<float> e = Exp(AtMost(87f, -x)), sigmoid = Reciprocal(Vector512<float>.One + e);
        // 1 − σ = e·σ, where the difference would lose what is left of σ near 1.
        return Vector512.FusedMultiplyAdd(AtMost(1e30f, x) * sigmoid, e * sigmoid, sigmoid);
    }

    /// <summary>|x|, at most 16, where Φ(−|x|) is zero in 32 bits; of NaN, NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Size(Vector512<float> x) => AtMost(16f, Vector512.Abs(x));

    /// <summary>e^(−x²/2).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> SquareExp(Vector512<float> x) => Exp(x * x * Vector512.Create(-0.5f));

    /// <summary>
    /// Φ(−a) for a ≥ 0, with e = e^(−a²/2): e·t·Q(2t − 1) where t = 1/(1 + 0.3a). Q is of degree 9, fitted to a relative error of 3.5·10⁻⁹ for a up to 14;
    /// together with the roundings the error is below 2 units of the last place of ½.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Tail(Vector512<float> a, Vector512<float> e)
    {
        Vector512<float> t = Reciprocal(Vector512.FusedMultiplyAdd(a, Vector512.Create(0.3f), Vector512<float>.One));
        Vector512<float> u = Vector512.FusedMultiplyAdd(t, Vector512.Create(2f), Vector512.Create(-1f));
        Vector512<float> q = Vector512.Create(-4.02594434e-05f);
        q = Vector512.FusedMultiplyAdd(q, u, Vector512.Create(7.66330089e-05f));
        q = Vector512.FusedMultiplyAdd(q, u, Vector512.Create(0.000280626063f));
        q = Vector512.FusedMultiplyAdd(q, u, Vector512.Create(-0.000569669757f));
        q = Vector512.FusedMultiplyAdd(q, u, Vector512.Create(-0.00242350894f));
        q = Vector512.FusedMultiplyAdd(q, u, Vector512.Create(0.00181602979f));
        q = Vector512.FusedMultiplyAdd(q, u, Vector512.Create(0.0277603391f));
        q = Vector512.FusedMultiplyAdd(q, u, Vector512.Create(0.0865497101f));
        q = Vector512.FusedMultiplyAdd(q, u, Vector512.Create(0.164579485f));
        q = Vector512.FusedMultiplyAdd(q, u, Vector512.Create(0.221970613f));
        return t * q * e;
    }

    private const float InverseRootOf2Pi = 0.39894228f;
}
