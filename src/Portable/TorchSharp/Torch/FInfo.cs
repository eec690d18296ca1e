namespace TorchSharp;

public static partial class torch
{
    /// <summary>The limits of a floating-point element type.</summary>
    public struct FInfo
    {
        public int bits;

        /// <summary>The distance from 1 to the next larger number.</summary>
        public double eps;

        public double max;
        public double min;

        /// <summary>The smallest positive number with full precision.</summary>
        public double tiny;

        public double smallest_normal;

        /// <summary>Ten to the power of minus the decimal digits that are always kept.</summary>
        public double resolution;

        // Such a type is told by its widths: the numbers follow from IEEE 754.
        internal FInfo(int bits, int mantissa, int exponent, double resolution)
        {
            this.bits = bits;
            eps = Math.ScaleB(1, -mantissa);
            max = Math.ScaleB(2 - eps, (1 << (exponent - 1)) - 1);
            min = -max;
            tiny = smallest_normal = Math.ScaleB(1, 2 - (1 << (exponent - 1)));
            this.resolution = resolution;
        }
    }

    public static FInfo finfo() => finfo(get_default_dtype());

    /// <exception cref="ArgumentException">The type is neither floating-point nor complex.</exception>
    public static FInfo finfo(ScalarType dtype) => dtype switch
    {
        ScalarType.Float16 => new FInfo(16, 10, 5, 1e-3),
        ScalarType.BFloat16 => new FInfo(16, 7, 8, 1e-2),
        ScalarType.Float32 or ScalarType.ComplexFloat32 => new FInfo(32, 23, 8, 1e-6),
        ScalarType.Float64 or ScalarType.ComplexFloat64 => new FInfo(64, 52, 11, 1e-15),
        _ => throw new ArgumentException($"'dtype' must be floating point or complex, not {dtype}."),
    };
}
