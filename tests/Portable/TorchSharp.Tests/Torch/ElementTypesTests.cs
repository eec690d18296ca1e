using static TorchSharp.torch;

namespace TorchSharp.Tests.Torch;

public sealed class ElementTypesTests
{
    [Theory]
    [InlineData(ScalarType.Bool, true, false, false)]
    [InlineData(ScalarType.Int32, true, false, false)]
    [InlineData(ScalarType.BFloat16, false, true, false)]
    [InlineData(ScalarType.Float64, false, true, false)]
    [InlineData(ScalarType.ComplexFloat32, false, false, true)]
    public void Kind_OfAType_IsOneOfThree(ScalarType type, bool integral, bool real, bool complex)
    {
        using Tensor t = zeros(1, type);

        Assert.Equal((integral, real, complex), (is_integral(type), is_floating_point(type), is_complex(type)));
        Assert.Equal((integral, real, complex), (t.is_integral(), t.is_floating_point(), t.is_complex()));
        Assert.Equal(t.ElementSize, type.ElementSize());
    }

    [Fact]
    public void Promotion_IsTorchs()
    {
        Assert.Equal(ScalarType.Float32, promote_types(ScalarType.Int64, ScalarType.Float32));
        Assert.Equal(ScalarType.Float32, promote_types(ScalarType.Float16, ScalarType.BFloat16));
        Assert.Equal(ScalarType.Int16, promote_types(ScalarType.Byte, ScalarType.Int8));
        Assert.True(can_cast(ScalarType.Int64, ScalarType.Float32));
        Assert.False(can_cast(ScalarType.Float32, ScalarType.Int64));
        using Tensor a = tensor(new[] { 1L });
        using Tensor b = tensor(2f);
        Assert.Equal(ScalarType.Float32, result_type(a, b));
    }

    [Fact]
    public void FInfo_OfEachType_HoldsItsLimits()
    {
        Assert.Equal((float.MaxValue, 1.1920928955078125e-07, 1.1754943508222875e-38), ((float)finfo(ScalarType.Float32).max, finfo(ScalarType.Float32).eps, finfo(ScalarType.Float32).tiny));
        Assert.Equal((double.MaxValue, double.MinValue, 2.2250738585072014e-308), (finfo(ScalarType.Float64).max, finfo(ScalarType.Float64).min, finfo(ScalarType.Float64).smallest_normal));
        Assert.Equal((65504.0, 0.0009765625, 6.103515625e-05), (finfo(ScalarType.Float16).max, finfo(ScalarType.Float16).eps, finfo(ScalarType.Float16).tiny));
        Assert.Equal((3.3895313892515355e+38, 0.0078125), (finfo(ScalarType.BFloat16).max, finfo(ScalarType.BFloat16).eps));
        Assert.Throws<ArgumentException>(() => finfo(ScalarType.Int32));
    }

    [Fact]
    public void MaxIntValue_OfIntegers_IsTheirs()
    {
        Assert.Equal(255, max_int_value(ScalarType.Byte));
        Assert.Equal(long.MaxValue, max_int_value(ScalarType.Int64));
        Assert.Throws<ArgumentException>(() => max_int_value(ScalarType.Float32));
    }

    [Fact]
    public void Enums_Numbers_AreThoseOfThePackage()
    {
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15], Enum.GetValues<ScalarType>().Select(x => (int)x));
        Assert.Equal((0, 1, 13, 14), ((int)DeviceType.CPU, (int)DeviceType.CUDA, (int)DeviceType.MPS, (int)DeviceType.META));
        Assert.Equal(["Metadata", "Julia", "Numpy", "CSharp", "Default"], Enum.GetNames<TensorStringStyle>());
        Assert.Equal([0, 1, 2, 3, 4], Enum.GetValues<TensorStringStyle>().Select(x => (int)x));
    }

    [Fact]
    public void Scalar_OfAnyNumber_HasOneOfFourTypes()
    {
        Assert.All([(byte)1, (sbyte)1, (short)1, 1, 1L, (Scalar)(-1)], s => Assert.Equal(ScalarType.Int64, s.Type));
        Assert.All([(Half)1, (BFloat16)1f, 1f, 1.0, 1f.ToBFloat16Scalar()], (Scalar s) => Assert.Equal(ScalarType.Float64, s.Type));
        Assert.All([(1f, 2f), (Scalar)new System.Numerics.Complex(1, 2)], (Scalar s) => Assert.Equal(ScalarType.ComplexFloat64, s.Type));
        Assert.Equal(ScalarType.Bool, ((Scalar)true).Type);
    }

    [Fact]
    public void Scalar_BesideATensor_LeavesItsTypeWithinTheKind()
    {
        using DisposeScope scope = NewDisposeScope();

        Assert.Equal(ScalarType.Int8, (tensor((sbyte)1) + (Scalar)1L).dtype);
        Assert.Equal(ScalarType.Float16, tensor(1f).half().mul((Scalar)2.0).dtype);
        Assert.Equal(ScalarType.BFloat16, tensor(1f).bfloat16().add((byte)1).dtype);
        Assert.Equal(ScalarType.Float32, tensor(1).mul((Half)1).dtype);
        Assert.Equal(ScalarType.Byte, tensor((byte)1).add(true).dtype);
        Assert.Equal(ScalarType.Int64, arange((byte)3).dtype);
        Assert.Equal(ScalarType.Float32, arange((Half)3).dtype);
        Assert.Equal(ScalarType.ComplexFloat32, tensor(1f).mul((1f, 2f)).dtype);
    }
}
