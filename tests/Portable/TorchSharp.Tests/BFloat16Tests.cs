using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using static TorchSharp.torch;

namespace TorchSharp.Tests;

public sealed class BFloat16Tests
{
    [Theory]
    [InlineData(0x3F800000u, 0x3F80)]   // 1
    [InlineData(0x3F808000u, 0x3F80)]   // half way to the next: the even one, below
    [InlineData(0x3F818000u, 0x3F82)]   // half way: the even one, above
    [InlineData(0x3F808001u, 0x3F81)]   // just past half way
    [InlineData(0x3F807FFFu, 0x3F80)]
    [InlineData(0x3FFFFFFFu, 0x4000)]   // carries into the exponent
    [InlineData(0x7F7FFFFFu, 0x7F80)]   // past the largest: infinity
    [InlineData(0x7F7F7FFFu, 0x7F7F)]
    [InlineData(0xFF7FFFFFu, 0xFF80)]
    [InlineData(0x80000000u, 0x8000)]   // −0
    [InlineData(0x00008000u, 0x0000)]   // half the smallest subnormal
    [InlineData(0x00018000u, 0x0002)]
    public void Constructor_Float_RoundsToNearestEven(uint bits, int expected) =>
        Assert.Equal(BFloat16.FromRawValue((ushort)expected), new BFloat16(BitConverter.UInt32BitsToSingle(bits)));

    [Theory]
    [InlineData(0x7F800001u)]   // cutting the low bits off would leave infinity
    [InlineData(0x7FFFFFFFu)]   // rounding up would leave −0
    [InlineData(0xFFC00000u)]
    public void Constructor_NaN_StaysNaN(uint bits) => Assert.True(BFloat16.IsNaN(new BFloat16(BitConverter.UInt32BitsToSingle(bits))));

    [Fact]
    public void Constructor_AnyFloat_AgreesWithTorch()
    {
        Prop.ForAll<uint>(bits =>
        {
            float f = BitConverter.UInt32BitsToSingle(bits * 2654435761);
            if (float.IsNaN(f)) return true;
            using Tensor single = tensor(f);
            using Tensor half = single.bfloat16();
            return half.item<BFloat16>().Equals(new BFloat16(f));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void FromDouble_BesideAMidpoint_IsRoundedToAFloatFirst()
    {
        // 1 + 2⁻⁸ lies half way; what is added is lost on the way through float.
        double above = 1 + Math.ScaleB(1, -8) + Math.ScaleB(1, -40);

        Assert.Equal(1, (double)(BFloat16)above);
        Assert.Equal(1, (double)(BFloat16)(1 + Math.ScaleB(1, -8)));
        Assert.Equal(double.NegativeInfinity, (double)(BFloat16)double.MinValue);
    }

    [Fact]
    public void Constants_HaveTheirValues()
    {
        Assert.Equal(1f, BFloat16.One.ToSingle());
        Assert.Equal(MathF.ScaleB(1, -133), BFloat16.Epsilon.ToSingle());
        Assert.Equal(3.3895313892515355e38, (double)BFloat16.MaxValue);
        Assert.Equal(-3.3895313892515355e38, (double)BFloat16.MinValue);
        Assert.Equal(MathF.ScaleB(1, -126), BFloat16.MinNormal.ToSingle());
        Assert.Equal(MathF.ScaleB(1, -133), BFloat16.SmallestSubnormal.ToSingle());
        Assert.True(BFloat16.IsPositiveInfinity(BFloat16.PositiveInfinity) && BFloat16.IsInfinity(BFloat16.NegativeInfinity));
        Assert.True(BFloat16.IsNegativeInfinity(BFloat16.NegativeInfinity) && !BFloat16.IsFinite(BFloat16.NaN) && BFloat16.IsFinite(BFloat16.Zero));
    }

    [Fact]
    public void Comparison_NaN_IsUnorderedAndEqualsNothing()
    {
        BFloat16 nan = BFloat16.NaN;

        Assert.False(nan == BFloat16.NaN);
        Assert.True(nan != BFloat16.NaN);
        Assert.False(nan.Equals(BFloat16.NaN));
        Assert.False(nan < BFloat16.One || nan >= BFloat16.One);
        Assert.True(BFloat16.Zero == -BFloat16.Zero);
        Assert.True(new BFloat16(2) > BFloat16.One);
        Assert.Equal(-1, BFloat16.One.CompareTo((object)new BFloat16(2)));
        Assert.Throws<ArgumentException>(() => BFloat16.One.CompareTo("1"));
    }

    [Fact]
    public void Arithmetic_ResultsThatFit_AreExact()
    {
        BFloat16 a = new(7), b = new(2);

        Assert.Equal(9f, (a + b).ToSingle());
        Assert.Equal(5f, (a - b).ToSingle());
        Assert.Equal(14f, (a * b).ToSingle());
        Assert.Equal(3.5f, (a / b).ToSingle());
        Assert.Equal(1f, (a % b).ToSingle());
        Assert.Equal(-7f, (-a).ToSingle());
        Assert.Equal("3.50", (a / b).ToString("F2", CultureInfo.InvariantCulture));
    }
}
