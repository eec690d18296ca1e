// H heads, T queries, S keys; the queries are the last T of S positions
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// Attention with linear biases (Press, Smith and Lewis 2022, "Train Short, Test Long", section 3): instead of positions in the embedding, each head takes from a
/// score the distance times a slope of its own. It goes into <see cref="AttentionOptions.Bias"/>.
/// </summary>
public static class Alibi
{
    /// <summary>
    /// The slope of each head: for a power of two heads the geometric sequence from 2^(−8/H) with that ratio; for another number, that of the power of two
    /// below, and then every second one of the power of two above, as the paper's authors do.
    /// </summary>
    /// <param name="headCount">H.</param>
    public static double[] Slopes(int headCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(headCount);
        int power = 1;
        while (2 * power <= headCount) power *= 2;
        return [.. Geometric(power), .. Geometric(2 * power).Where((_, i) => i % 2 == 0).Take(headCount - power)];

        static IEnumerable<double> Geometric(int count) => Enumerable.Range(1, count).Select(h => Math.Pow(2, -8.0 * h / count));
    }

    /// <summary>What is added to the scores: −slope·|distance|. Behind a causal mask only earlier keys are left, and both sides otherwise.</summary>
    /// <param name="headCount">H.</param>
    /// <param name="queries">T.</param>
    /// <param name="keys">S, at least T.</param>
    /// <param name="dtype">The type of the scores.</param>
    /// <param name="device">Where it is to lie.</param>
    /// <returns>(1, H, T, S).</returns>
    public static Tensor Bias(int headCount, int queries, int keys, ScalarType dtype = ScalarType.Float32, Device? device = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(queries);
        if (keys < queries) throw new ArgumentOutOfRangeException(nameof(keys), keys, $"There are {keys} keys, fewer than the queries ({queries}), which are the last of them.");
        double[] slopes = Slopes(headCount);
        float[] values = new float[(long)headCount * queries * keys];
        int at = 0;
        foreach (double slope in slopes)
        {
            for (int t = 0; t < queries; t++)
            {
                for (int s = 0; s < keys; s++) values[at++] = (float)(-slope * Math.Abs(keys - queries + t - s));
            }
        }
        return tensor(values, [1, headCount, queries, keys], dtype: dtype, device: device);
    }
}
