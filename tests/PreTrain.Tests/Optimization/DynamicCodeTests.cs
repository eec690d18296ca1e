using PreTrain.Optimization;

namespace PreTrain.Tests.Optimization;

public sealed class DynamicCodeTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Values_AreTheDynamicMap(bool signed)
    {
        double[] expected = SlowMap(signed);
        float[] actual = (signed ? DynamicCode.Signed : DynamicCode.Unsigned).Values;
        Assert.Equal(256, actual.Length);
        for (int i = 0; i < 256; i++) Assert.Equal(expected[i], actual[i], 1e-6 * Math.Abs(expected[i]) + 1e-12);
        Assert.Equal(0, actual[(signed ? DynamicCode.Signed : DynamicCode.Unsigned).Zero]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public unsafe void Load_WhatStoreWrote_IsTheNearestValue(bool signed)
    {
        Assert.SkipUnless(System.Runtime.Intrinsics.Vector512.IsHardwareAccelerated, "The kernels need 512-bit vectors.");
        DynamicCode code = signed ? DynamicCode.Signed : DynamicCode.Unsigned;
        double[] map = SlowMap(signed);
        var random = new Random(11);
        float* values = stackalloc float[16], again = stackalloc float[16];
        byte* codes = stackalloc byte[16];
        for (int round = 0; round < 2000; round++)
        {
            for (int i = 0; i < 16; i++)
            {
                float magnitude = (float)Math.Pow(10, -8 * random.NextDouble());
                values[i] = (round, i) switch { (0, 0) => 0, (0, 1) => 1, (0, 2) => signed ? -1 : 1, (0, 3) => 0.1f, (0, 4) => 1e-6f, _ => signed && random.Next(2) == 0 ? -magnitude : magnitude };
            }
            code.Store(codes, System.Runtime.Intrinsics.Vector512.Load(values));
            System.Runtime.Intrinsics.Vector512.Store(code.Load(codes), again);
            for (int i = 0; i < 16; i++)
            {
                Assert.Equal(code.Values[codes[i]], again[i]);
                double nearest = map.Min(c => Math.Abs(c - values[i]));
                Assert.True(Math.Abs(again[i] - values[i]) <= nearest * (1 + 1e-5) + 1e-7 * Math.Abs(values[i]), $"{values[i]} became {again[i]}.");
            }
        }
    }

    /// <summary>The map as the paper's program builds it, rising.</summary>
    internal static double[] SlowMap(bool signed)
    {
        var values = new List<double> { 0, 1 };
        for (int i = 0; i < 7; i++)
        {
            int steps = 1 << (signed ? i : i + 1);
            for (int j = 0; j < steps; j++)
            {
                double low = 0.1 + 0.9 * j / steps, high = 0.1 + 0.9 * (j + 1) / steps, value = Math.Pow(10, i - 6) * (low + high) / 2;
                values.Add(value);
                if (signed) values.Add(-value);
            }
        }
        return [.. values.Order()];
    }
}
