using PreTrain.Modules;
using static PreTrain.Tests.Modules.Values;

namespace PreTrain.Tests.Modules;

public sealed unsafe class AttentionBlocksTests
{
    private const int Head = 16;

    private static (int, int)[] Intervals(string mask, int queries, int keys)
    {
        Func<int, (int, int)> of = mask switch
        {
            "causal" => t => (0, Math.Min(t + 1, keys)),
            "all" => t => (0, keys),
            "padded" => t => (0, keys - 5),
            "window" => t => (Math.Max(0, t - 11), Math.Min(t + 12, keys)),
            "packed" => t => t < 19 ? (0, Math.Min(19, keys)) : (Math.Min(19, keys - 1), keys),
            "some empty" => t => t % 3 == 1 ? (7, 7) : (t % 5, keys - t % 2),
            "first empty" => t => t < 64 ? (0, 0) : (3, keys),
            _ => throw new ArgumentException(mask),
        };
        return [.. Enumerable.Range(0, queries).Select(of)];
    }

    private static double[] Plain(double[][] inputs, (int First, int End)[] intervals)
    {
        var (q, k, v) = (inputs[0], inputs[1], inputs[2]);
        var result = new double[q.Length];
        for (int t = 0; t < intervals.Length; t++)
        {
            var (first, end) = intervals[t];
            if (first >= end) continue;
            double[] scores = [.. Enumerable.Range(first, end - first).Select(s => Enumerable.Range(0, Head).Sum(d => q[t * Head + d] * k[s * Head + d]))];
            double max = scores.Max(), sum = scores.Sum(s => Math.Exp(s - max));
            for (int s = first; s < end; s++)
            {
                for (int d = 0; d < Head; d++) result[t * Head + d] += Math.Exp(scores[s - first] - max) / sum * v[s * Head + d];
            }
        }
        return result;
    }

    [Theory]
    [InlineData("causal", 1, 1)]
    [InlineData("causal", 67, 67)]
    [InlineData("causal", 131, 131)]
    [InlineData("all", 3, 37)]
    [InlineData("all", 71, 5)]
    [InlineData("padded", 67, 67)]
    [InlineData("window", 131, 131)]
    [InlineData("packed", 67, 67)]
    [InlineData("some empty", 67, 41)]
    [InlineData("first empty", 131, 37)]
    public void ForwardAndBackward_EveryKindOfMask_AreTheFormulaAndItsDifferences(string mask, int queries, int keys)
    {
        Kernels.SkipWithoutKernels();
        (int, int)[] intervals = Intervals(mask, queries, keys);
        double[][] inputs = [Doubles(Normal([queries * Head], 3, 0.5)), Doubles(Normal([keys * Head], 5)), Doubles(Normal([keys * Head], 7))];
        double[] upstream = Doubles(Normal([queries * Head], 11));
        var logSums = new float[queries];
        float[] result = new float[queries * Head];
        float[][] gradients = [new float[queries * Head], new float[keys * Head], new float[keys * Head]];

        fixed (float* sums = logSums)
        {
            using (var forward = new AttentionBlocks(queries, keys, Head, backward: false))
            {
                Fill(forward, inputs);
                forward.Forward(intervals, sums);
                new Span<float>(forward.Results, result.Length).CopyTo(result);
            }
            using var backward = new AttentionBlocks(queries, keys, Head, backward: true);
            for (int pass = 0; pass < 2; pass++)   // the second starts from the memory that the first left
            {
                Fill(backward, inputs);
                Copy(upstream, backward.Results);
                backward.ClearKeyGrads();
                backward.Backward(intervals, sums);
            }
            new Span<float>(backward.QueryGrads, queries * Head).CopyTo(gradients[0]);
            new Span<float>(backward.KeyGrads, keys * Head).CopyTo(gradients[1]);
            new Span<float>(backward.ValueGrads, keys * Head).CopyTo(gradients[2]);
        }

        AssertClose(Plain(inputs, intervals), Array.ConvertAll(result, x => (double)x), Head, 64 * Float32Rounding, "result", least: 1e-3);
        const double Step = 1e-5;
        var random = new Random(13);
        for (int i = 0; i < inputs.Length; i++)
        {
            double scale = gradients[i].Max(MathF.Abs);
            foreach (int j in Enumerable.Range(0, 40).Select(_ => random.Next(inputs[i].Length)).Append(0).Append(inputs[i].Length - 1))
            {
                double at = inputs[i][j];
                inputs[i][j] = at + Step;
                double above = Plain(inputs, intervals).Zip(upstream, (y, g) => y * g).Sum();
                inputs[i][j] = at - Step;
                double below = Plain(inputs, intervals).Zip(upstream, (y, g) => y * g).Sum();
                inputs[i][j] = at;
                double difference = (above - below) / (2 * Step);
                Assert.True(Math.Abs(difference - gradients[i][j]) <= 64 * Float32Rounding * Math.Max(scale, 1), $"gradient {i} at {j}: {difference} and {gradients[i][j]}");
            }
        }
    }

    private static void Fill(AttentionBlocks blocks, double[][] inputs)
    {
        Copy(inputs[0], blocks.Queries);
        Copy(inputs[1], blocks.Keys);
        Copy(inputs[2], blocks.Values);
    }

    private static void Copy(double[] from, float* to)
    {
        for (int i = 0; i < from.Length; i++) to[i] = (float)from[i];
    }
}
