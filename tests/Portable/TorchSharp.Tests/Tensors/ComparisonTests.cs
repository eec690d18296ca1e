using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharp.Tests.Tensors;

public sealed class ComparisonTests
{
    private static bool[] Bools(Tensor t) => t.data<bool>().ToArray();

    [Fact]
    public void Operators_TensorsAndNumbers_CompareEachElement()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = tensor(new[] { 1.0, 2.0, 3.0, double.NaN }), b = tensor(new[] { 2.0, 2.0, 2.0, 2.0 });

        Assert.Equal([false, true, false, false], Bools(a == b));
        Assert.Equal([true, false, true, true], Bools(a != b));
        Assert.Equal([true, false, false, false], Bools(a < b));
        Assert.Equal([true, true, false, false], Bools(a <= b));
        Assert.Equal([false, false, true, false], Bools(a > b));
        Assert.Equal([false, true, true, false], Bools(a >= b));
        Assert.Equal([false, true, false, false], Bools(a == 2));
        Assert.Equal([true, false, true, true], Bools(a != 2));
        Assert.Equal([true, false, false, false], Bools(a < 2));
        Assert.Equal([true, true, false, false], Bools(a <= 2));
        Assert.Equal([false, false, true, false], Bools(a > 2));
        Assert.Equal([false, true, true, false], Bools(a >= 2));
        Assert.Equal([false, false, true, false], Bools(2.0.ToScalar() < a));
        Assert.Equal([false, true, true, false], Bools(2.0.ToScalar() <= a));
        Assert.Equal([true, false, false, false], Bools(2.0.ToScalar() > a));
        Assert.Equal([true, true, false, false], Bools(2.0.ToScalar() >= a));
    }

    [Fact]
    public void Equals_Tensors_ComparesShapeAndElements()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = tensor(new long[] { 1, 2, 3 });

        Assert.True(a.Equals(a.clone()));
        Assert.False(a.Equals(tensor(new long[] { 1, 2, 5 })));
        Assert.False(a.Equals(tensor(new long[] { 1, 2 })));
        Assert.False(a.Equals((object?)null));
        Assert.Equal(ScalarType.Bool, a.equal(a).dtype);
    }

    [Fact]
    public void Kinds_SpecialNumbers_AreTold()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor(new[] { 1.0, double.NaN, double.PositiveInfinity, double.NegativeInfinity });

        Assert.Equal([true, false, false, false], Bools(x.isfinite()));
        Assert.Equal([false, true, false, false], Bools(x.isnan()));
        Assert.Equal([false, false, true, true], Bools(x.isinf()));
        Assert.Equal([false, false, true, false], Bools(x.isposinf()));
        Assert.Equal([false, false, false, true], Bools(x.isneginf()));
    }

    [Fact]
    public void Allclose_Tolerances_AreRelativeAndAbsolute()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = tensor(new[] { 100.0 }), b = tensor(new[] { 100.5 });

        Assert.False(a.allclose(b));
        Assert.True(a.allclose(b, rtol: 0.01));
        Assert.True(a.allclose(b, atol: 0.6));
        Assert.False(allclose(tensor(new[] { double.NaN }), tensor(new[] { double.NaN })));
        Assert.True(allclose(tensor(new[] { double.NaN }), tensor(new[] { double.NaN }), equal_nan: true));
    }

    [Fact]
    public void Isin_Values_AreFound()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor t = tensor(new long[] { 1, 2, 3, 5 }), wanted = tensor(new long[] { 2, 5, 7 });

        Assert.Equal([false, true, false, true], Bools(t.isin(wanted)));
        Assert.Equal([true, false, true, false], Bools(t.isin(wanted, invert: true)));
    }

    [Fact]
    public void Logic_BitsAndTruth_EqualsCSharp()
    {
        using DisposeScope scope = NewDisposeScope();
        long[] left = [0, 5, 12, 255], right = [3, 6, 10, 15];
        Tensor a = tensor(left), b = tensor(right);

        Assert.Equal(left.Zip(right, (x, y) => x & y), (a & b).data<long>().ToArray());
        Assert.Equal(left.Zip(right, (x, y) => x | y), (a | b).data<long>().ToArray());
        Assert.Equal(left.Zip(right, (x, y) => x ^ y), (a ^ b).data<long>().ToArray());
        Assert.Equal(left.Select(x => ~x), (~a).data<long>().ToArray());
        Assert.Equal(left.Select(x => x << 2), a.bitwise_left_shift(tensor(2L)).data<long>().ToArray());
        Assert.Equal(left.Select(x => x >> 2), a.bitwise_right_shift(tensor(2L)).data<long>().ToArray());
        Assert.Equal([false, true, true, true], Bools(a.logical_and(b)));
        Assert.Equal([true, true, true, true], Bools(a.logical_or(b)));
        Assert.Equal([true, false, false, false], Bools(a.logical_xor(b)));
        Assert.Equal([true, false, false, false], Bools(a.logical_not()));
    }
}
