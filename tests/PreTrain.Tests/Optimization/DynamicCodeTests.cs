using PreTrain.Optimization;
using PreTrain.Tests.Modules;

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
    public void Load_EveryCode_IsItsValueTimesTheScale(bool signed)
    {
        DynamicCode code = Code(signed);
        Assert.Equal(code.Values, Load(code, [.. Enumerable.Range(0, 256).Select(i => (byte)i)], 1));
        Assert.Equal(code.Values.Select(v => v * 0.37f), Load(code, [.. Enumerable.Range(0, 256).Select(i => (byte)i)], 0.37f));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Store_AnyNumber_IsTheCodeOfTheSlowSearch(bool signed)
    {
        DynamicCode code = Code(signed);
        var random = new Random(11);
        // Every exponent, each border with its neighbours, both ends, and numbers that nothing special is about.
        List<float> values = [0, 1, float.BitDecrement(1), float.Epsilon, 1e-30f, .. code.Values, .. code.Borders];
        for (int e = -40; e < 0; e++) values.AddRange([MathF.ScaleB(1, e), MathF.ScaleB(1.9999999f, e)]);
        for (int i = 0; i < 20_000; i++) values.Add((float)Math.Pow(10, -8 * random.NextDouble()));
        values.AddRange([.. values.SelectMany(v => new[] { float.BitIncrement(v), float.BitDecrement(v) })]);
        values = [.. values.Select(v => signed ? v : Math.Abs(v)), .. values.Select(v => signed ? -v : Math.Abs(v))];
        values.RemoveAll(v => Math.Abs(v) > 1);

        byte[] actual = Store(code, [.. values], 1);

        for (int i = 0; i < values.Count; i++)
        {
            // Next to a border, rounding may take the other neighbour; everywhere else there is one right code.
            int expected = code.Borders.Count(b => b <= values[i]);
            double distance = code.Borders.Min(b => Math.Abs((double)b - values[i]));
            if (actual[i] == expected) continue;
            Assert.True(Math.Abs(actual[i] - expected) == 1 && distance <= 3e-6 * Math.Abs(values[i]), $"{values[i]:g9} became the code {actual[i]}, not {expected}.");
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Load_WhatStoreWrote_IsTheNearestValue(bool signed)
    {
        DynamicCode code = Code(signed);
        double[] map = SlowMap(signed);
        var random = new Random(11);
        float[] values = [.. Enumerable.Range(0, 32_000).Select(_ => (signed && random.Next(2) == 0 ? -1 : 1) * (float)Math.Pow(10, -8 * random.NextDouble()))];

        float[] again = Load(code, Store(code, values, 1), 1);

        for (int i = 0; i < values.Length; i++)
        {
            double nearest = map.Min(c => Math.Abs(c - values[i]));
            Assert.True(Math.Abs(again[i] - values[i]) <= nearest * (1 + 1e-5) + 1e-7 * Math.Abs(values[i]), $"{values[i]} became {again[i]}.");
        }
    }

    [Fact]
    public void Store_Scale_IsAppliedFirst()
    {
        float[] values = [.. Enumerable.Range(0, 48).Select(i => (i - 23) / 64f)];
        Assert.Equal(Store(Code(true), [.. values.Select(v => v * 2)], 1), Store(Code(true), values, 2));
    }

    private static DynamicCode Code(bool signed)
    {
        Kernels.SkipWithoutKernels();
        return signed ? DynamicCode.Signed : DynamicCode.Unsigned;
    }

    private static unsafe byte[] Store(DynamicCode code, float[] values, float inverse)
    {
        float[] padded = [.. values, .. new float[(16 - values.Length % 16) % 16]];
        byte[] codes = new byte[padded.Length];
        fixed (float* v = padded)
        fixed (byte* c = codes) code.Store(v, c, codes.Length, inverse);
        return codes[..values.Length];
    }

    private static unsafe float[] Load(DynamicCode code, byte[] codes, float scale)
    {
        float[] values = new float[codes.Length];
        fixed (float* v = values)
        fixed (byte* c = codes) code.Load(c, v, codes.Length, scale);
        return values;
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
