using System.Runtime.Intrinsics;
using PreTrain.Torch.Cpu;

namespace PreTrain.Tests.Torch.Cpu;

public sealed class VectorMathTests
{
    public VectorMathTests() => Modules.Kernels.SkipWithoutKernels();

    /// <summary>The largest and the smallest number between which e^x, rounded, is neither infinite nor 0.</summary>
    private const float Largest = 88.72283f, Smallest = -103.97207f;

    private static float Exp(float x) => VectorMath.Exp(Vector512.Create(x))[7];

    [Fact]
    public void Exp_WholeRange_IsWithinTwoUnits()
    {
        double worst = 0;
        float worstAt = 0;
        // Every 499th number of either sign from 0 to the ends.
        foreach (float end in new[] { Largest, Smallest })
        {
            uint last = BitConverter.SingleToUInt32Bits(end), sign = last & 0x8000_0000;
            for (uint bits = sign; bits <= last; bits += 16 * 499)
            {
                Vector512<uint> lanes = Vector512.Min(Vector512.Create(bits) + Vector512<uint>.Indices * 499, Vector512.Create(last));
                Vector512<float> actual = VectorMath.Exp(lanes.AsSingle());
                for (int i = 0; i < 16; i++)
                {
                    float x = BitConverter.UInt32BitsToSingle(lanes[i]);
                    double exact = Math.Exp(x);
                    double units = Math.Abs(actual[i] - exact) / (MathF.BitIncrement((float)exact) - (double)(float)exact);
                    if (!(units <= worst)) (worst, worstAt) = (units, x);
                }
            }
        }
        Assert.True(worst <= 2, $"exp({worstAt:R}) is off by {worst} units in the last place.");
    }

    [Theory]
    [InlineData(0f, 1f)]
    [InlineData(89f, float.PositiveInfinity)]
    [InlineData(1e30f, float.PositiveInfinity)]
    [InlineData(float.PositiveInfinity, float.PositiveInfinity)]
    [InlineData(-104.1f, 0f)]
    [InlineData(-1e30f, 0f)]
    [InlineData(float.NegativeInfinity, 0f)]
    [InlineData(float.NaN, float.NaN)]
    [InlineData(1e-30f, 1f)]
    public void Exp_Ends_AreExact(float x, float expected) => Assert.Equal(expected, Exp(x));

    [Fact]
    public void Exp_LastNumbersInside_AreFinite()
    {
        Assert.True(float.IsFinite(Exp(Largest)));
        Assert.Equal(float.PositiveInfinity, Exp(88.8f));
        Assert.True(Exp(-103f) > 0);
        Assert.Equal(0, Exp(-104.1f));
    }

    [Fact]
    public void Max_OfLanes_IsTheLargest()
    {
        for (int lane = 0; lane < 16; lane++)
            Assert.Equal(7, VectorMath.Max(Vector512.Create(-3f).WithElement(lane, 7)));
        Assert.Equal(float.NegativeInfinity, VectorMath.Max(Vector512.Create(float.NegativeInfinity)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(16)]
    public void FirstLanes_Count_AreAllBits(int count)
    {
        Vector512<uint> mask = VectorMath.FirstLanes(count).AsUInt32();
        for (int lane = 0; lane < 16; lane++) Assert.Equal(lane < count ? uint.MaxValue : 0, mask[lane]);
    }

    [Fact]
    public void GeluAndDerivative_ManyPlaces_AreTheFormulas()
    {
        for (double at = -12; at <= 12; at += 1.0 / 64)
        {
            var x = (float)at;
            double k = Math.Sqrt(2 / Math.PI), z = k * (x + 0.044715 * Math.Pow(x, 3)), tanh = Math.Tanh(z);
            double value = x / 2 * (1 + tanh), slope = (1 + tanh) / 2 + x / 2 * (1 - tanh * tanh) * k * (1 + 3 * 0.044715 * x * x);

            Assert.Equal(value, VectorMath.Gelu(Vector512.Create(x))[0], 8.0 / (1 << 24) * Math.Max(1, Math.Abs(x)));
            Assert.Equal(slope, VectorMath.GeluDerivative(Vector512.Create(x))[0], 32.0 / (1 << 24));
        }
    }

    [Fact]
    public void GeluAndDerivative_NaN_StaysNaN()
    {
        Assert.True(float.IsNaN(VectorMath.Gelu(Vector512.Create(float.NaN))[3]));
        Assert.True(float.IsNaN(VectorMath.GeluDerivative(Vector512.Create(float.NaN))[3]));
    }
}
