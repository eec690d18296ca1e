using System.Numerics;
using static TorchSharp.torch;

namespace TorchSharp;

/// <summary>A number, as an operator's argument. It holds no native memory.</summary>
public sealed class Scalar : IDisposable
{
    internal enum Storage { Integer, Boolean, Real, Complex }

    internal Storage Kind { get; }
    internal long Bits { get; }
    internal double Imaginary { get; }

    /// <summary>Int64, Float64, ComplexFloat64 or Bool, which torch keeps all numbers in.</summary>
    public ScalarType Type => Kind switch
    {
        Storage.Integer => ScalarType.Int64,
        Storage.Boolean => ScalarType.Bool,
        Storage.Real => ScalarType.Float64,
        _ => ScalarType.ComplexFloat64,
    };

    internal Scalar(long value)
    {
        Kind = Storage.Integer;
        Bits = value;
    }

    internal Scalar(bool value)
    {
        Kind = Storage.Boolean;
        Bits = value ? 1 : 0;
    }

    internal Scalar(double value)
    {
        Kind = Storage.Real;
        Bits = BitConverter.DoubleToInt64Bits(value);
    }

    internal Scalar(Complex value)
    {
        Kind = Storage.Complex;
        Bits = BitConverter.DoubleToInt64Bits(value.Real);
        Imaginary = value.Imaginary;
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
