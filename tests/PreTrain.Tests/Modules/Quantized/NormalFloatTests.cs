using PreTrain.Modules.Quantized;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules.Quantized;

[Collection(nameof(RunsAlone))]
public sealed class NormalFloatTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Values_AreQuantilesOfTheNormalDistribution()
    {
        // The paper's code: 9 quantiles from 0.9677 down to 0.5 for the positive half, 8 for the negative, whose last, 0, both have.
        const double offset = 0.9677083;
        double[] positive = Quantiles(9), negative = Quantiles(8);
        double[] expected = [.. negative[..^1].Select(v => -v), 0, .. positive[..^1].Reverse()];
        double largest = expected.Max();
        Assert.Equal(16, expected.Length);
        for (int i = 0; i < 16; i++) Assert.Equal(expected[i] / largest, NormalFloat.Values[i], 1e-6);

        static double[] Quantiles(int count) => [.. Enumerable.Range(0, count).Select(i =>
        {
            double p = offset + (0.5 - offset) * i / (count - 1);
            return Math.Sqrt(2) * tensor(2 * p - 1, ScalarType.Float64).erfinv().item<double>();
        })];
    }

    [Fact]
    public void Quantize_AnyWeight_HasTheNearestValues()
    {
        Tensor weight = Normal([37, 128], 3);
        using QuantizedMatrix matrix = QuantizedMatrix.Quantize(weight, QuantizedFormat.NormalFloat4 with { HasDoubleScales = false });
        double[] w = Doubles(weight), actual = Doubles(matrix.Dequantize());
        for (int g = 0; g < w.Length; g += 64)
        {
            double largest = w[g..(g + 64)].Max(Math.Abs);
            for (int i = g; i < g + 64; i++)
            {
                double nearest = NormalFloat.Values.ToArray().Min(v => Math.Abs(v * largest - w[i]));
                Assert.Equal(nearest, Math.Abs(actual[i] - w[i]), 1e-6);
            }
        }
    }

    [Fact]
    public void DoubleScales_AnyScales_AreTheNearestOfTheirBlocks()
    {
        float[] scales = [.. Doubles(Normal([600], 3).abs()).Select(v => (float)v)];
        var codes = DoubleScales.Of(scales);
        double mean = scales.Average(s => (double)s);
        Assert.Equal(mean, codes.Offset, 1e-6);
        double[] values = [.. DoubleScales.Values.ToArray().Select(v => (double)v)];
        Assert.Equal(256, values.Distinct().Count());
        Assert.Equal((-0.9929687, -0.9789062, 0, 1), (values[0], values[1], values[127], values[^1]), new Near());
        Assert.Equal(3, codes.Largest.Length);
        for (int i = 0; i < scales.Length; i++)
        {
            int first = i / 256 * 256;
            double largest = scales[first..Math.Min(600, first + 256)].Max(s => Math.Abs(s - mean)), nearest = values.Min(v => Math.Abs(v * largest + mean - scales[i]));
            Assert.Equal(nearest, Math.Abs(codes[i] - scales[i]), 1e-6);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(9)]
    public void Apply_AnyRows_IsTheProductWithTheValues(int rows)
    {
        Tensor x = Normal([rows, 192], 3), bias = Normal([53], 7);
        using QuantizedMatrix weight = QuantizedMatrix.Quantize(Normal([53, 192], 5), QuantizedFormat.NormalFloat4);
        Tensor expected = x.to(ScalarType.Float64).matmul(weight.Dequantize().to(ScalarType.Float64).t()) + bias;
        AssertClose(Doubles(expected), Doubles(WeightOnlyProduct.Apply(x, weight, bias)), 53, 192 * Float32Rounding, "product");
    }

    [Fact]
    public void Apply_EightBitsByGroups_IsTheProductWithTheValues()
    {
        Tensor x = Normal([3, 192], 3), bias = Normal([53], 7);
        using QuantizedMatrix weight = QuantizedMatrix.Quantize(Normal([53, 192], 5), QuantizedFormat.Int8 with { GroupSize = 32 });
        Tensor expected = x.to(ScalarType.Float64).matmul(weight.Dequantize().to(ScalarType.Float64).t()) + bias;
        AssertClose(Doubles(expected), Doubles(WeightOnlyProduct.Apply(x, weight, bias)), 53, 192 * Float32Rounding, "product");
    }

    private sealed class Near : IEqualityComparer<(double, double, double, double)>
    {
        public bool Equals((double, double, double, double) x, (double, double, double, double) y) =>
            Math.Abs(x.Item1 - y.Item1) < 1e-6 && Math.Abs(x.Item2 - y.Item2) < 1e-6 && Math.Abs(x.Item3 - y.Item3) < 1e-6 && Math.Abs(x.Item4 - y.Item4) < 1e-6;

        public int GetHashCode((double, double, double, double) value) => 0;
    }
}
