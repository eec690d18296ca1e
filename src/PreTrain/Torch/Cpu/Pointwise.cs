using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace PreTrain.Torch.Cpu;

/// <summary>A function of one number and its derivative, for kernels that are the same for several.</summary>
internal interface IPointwise
{
    static abstract Vector512<float> Value(Vector512<float> x);

    static abstract Vector512<float> Derivative(Vector512<float> x);
}

/// <summary>x·Φ(x).</summary>
internal readonly struct GeluFunction : IPointwise
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Value(Vector512<float> x) => VectorMath.ExactGelu(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Derivative(Vector512<float> x) => VectorMath.ExactGeluDerivative(x);
}

/// <summary>The tanh form of it.</summary>
internal readonly struct GeluTanhFunction : IPointwise
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Value(Vector512<float> x) => VectorMath.Gelu(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Derivative(Vector512<float> x) => VectorMath.GeluDerivative(x);
}

/// <summary>x·σ(x).</summary>
internal readonly struct SiluFunction : IPointwise
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Value(Vector512<float> x) => VectorMath.Silu(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Derivative(Vector512<float> x) => VectorMath.SiluDerivative(x);
}
