using System.Numerics;
using static TorchSharp.torch;

namespace TorchSharp;

/// <summary>A number of any element type, as an operator's argument. It holds no native memory.</summary>
public sealed class Scalar : IDisposable
{
    internal enum Storage { Integer, Boolean, Real, Complex }

    internal Storage Kind { get; }
    internal long Bits { get; }
    internal double Imaginary { get; }

    public ScalarType Type { get; }

    internal Scalar(long value, ScalarType type)
    {
        Kind = type == ScalarType.Bool ? Storage.Boolean : Storage.Integer;
        Bits = value;
        Type = type;
    }

    internal Scalar(double value, ScalarType type)
    {
        Kind = Storage.Real;
        Bits = BitConverter.DoubleToInt64Bits(value);
        Type = type;
    }

    internal Scalar(Complex value, ScalarType type)
    {
        Kind = Storage.Complex;
        Bits = BitConverter.DoubleToInt64Bits(value.Real);
        Imaginary = value.Imaginary;
        Type = type;
    }

    internal long AsInt64 => Kind is Storage.Integer or Storage.Boolean ? Bits : checked((long)BitConverter.Int64BitsToDouble(Bits));

    internal double AsDouble => Kind is Storage.Integer or Storage.Boolean ? Bits : BitConverter.Int64BitsToDouble(Bits);

    internal Complex AsComplex => new(AsDouble, Imaginary);

    public static implicit operator Scalar(byte value) => value.ToScalar();
    public static implicit operator Scalar(sbyte value) => value.ToScalar();
    public static implicit operator Scalar(short value) => value.ToScalar();
    public static implicit operator Scalar(int value) => value.ToScalar();
    public static implicit operator Scalar(long value) => value.ToScalar();
    public static implicit operator Scalar(float value) => value.ToScalar();
    public static implicit operator Scalar(double value) => value.ToScalar();
    public static implicit operator Scalar(bool value) => value.ToScalar();
    public static implicit operator Scalar(BFloat16 value) => value.ToScalar();
    public static implicit operator Scalar(Half value) => value.ToScalar();
    public static implicit operator Scalar((float, float) value) => value.ToScalar();
    public static implicit operator Scalar(Complex value) => value.ToScalar();

    /// <summary>Nothing to release; here because the public surface has it.</summary>
    public void Dispose()
    {
    }
}
