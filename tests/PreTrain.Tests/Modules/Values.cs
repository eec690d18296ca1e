using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

/// <summary>Reproducible inputs, and comparisons whose tolerance is a number of roundings.</summary>
internal static class Values
{
    /// <summary>The largest relative error of one rounding to 32 bits, and to bfloat16.</summary>
    internal const double Float32Rounding = 1.0 / (1 << 24), BFloat16Rounding = 1.0 / (1 << 8);

    /// <summary>Normal numbers of 32 bits, the same for the same seed.</summary>
    internal static Tensor Normal(long[] shape, int seed, double deviation = 1)
    {
        using var generator = new Generator((ulong)seed);
        return randn(shape, generator: generator) * deviation;
    }

    internal static Tensor Leaf(Tensor t, ScalarType type) => t.detach().to(type).clone().requires_grad_();

    internal static double[] Doubles(Tensor t) => t.detach().to(ScalarType.Float64).contiguous().data<double>().ToArray();

    internal static byte[] Bytes(Tensor t) => t.detach().contiguous().bytes.ToArray();

    /// <summary>Compares row by row: an error may be <paramref name="tolerance"/> times the row's scale, its largest value or <paramref name="least"/>.</summary>
    internal static void AssertClose(IReadOnlyList<double> expected, IReadOnlyList<double> actual, long columns, double tolerance, string what, double least = 0)
    {
        Assert.Equal(expected.Count, actual.Count);
        for (int row = 0; row < expected.Count / columns; row++)
        {
            double scale = least;
            for (int c = 0; c < columns; c++) scale = Math.Max(scale, Math.Abs(expected[(int)(row * columns) + c]));
            for (int c = 0; c < columns; c++)
            {
                int i = (int)(row * columns) + c;
                if (!(Math.Abs(expected[i] - actual[i]) <= tolerance * scale))
                {
                    Assert.Fail($"{what}: row {row}, column {c} is {actual[i]:R} where {expected[i]:R} is expected: "
                        + $"off by {Math.Abs(expected[i] - actual[i]) / scale:E2} of the row's scale, {tolerance:E2} is allowed.");
                }
            }
        }
    }
}
