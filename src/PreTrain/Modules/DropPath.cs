// B sequences, N rows (tokens), C embedding
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// Stochastic depth: in training, a residual branch is left out for some of the sequences of a batch, and what is kept is divided by the probability
/// of keeping it (Huang et al. 2016, "Deep Networks with Stochastic Depth", section 3; the division is what makes evaluation need no scaling).
/// </summary>
public static class DropPath
{
    /// <summary>Drops a branch's output for whole sequences.</summary>
    /// <param name="update">The branch's output, (N, C).</param>
    /// <param name="sequences">The sequences of the rows; each is kept or dropped as one.</param>
    /// <param name="rate">The probability with which a sequence's update is dropped, at least 0 and below 1.</param>
    /// <returns>(N, C); <paramref name="update"/> itself at a rate of 0.</returns>
    /// <exception cref="ArgumentException">The rows are not those of the sequences, or the rate is no such probability.</exception>
    public static Tensor Apply(Tensor update, PackedSequences sequences, double rate)
    {
        ArgumentNullException.ThrowIfNull(update);
        ArgumentNullException.ThrowIfNull(sequences);
        CheckRate(rate);
        if (update.ndim < 1 || update.size(0) != sequences.Rows)
            throw new ArgumentException($"The update ({string.Join(", ", update.shape)}) must have the {sequences.Rows} rows of the sequences.", nameof(update));
        if (rate == 0) return update;
        using DisposeScope scope = NewDisposeScope();
        Tensor factors = rand([sequences.Count], device: update.device).ge(rate).to(update.dtype) / (1 - rate);   // (B)
        return scope.MoveToOuter(update * OfRows(factors, sequences, update.ndim));
    }

    /// <summary>The rate of a layer where rates grow evenly with depth, from near 0 to that of the last layer (Huang et al. 2016, equation 4).</summary>
    /// <param name="layer">The layer's number, from 0.</param>
    /// <param name="layerCount">The number of layers.</param>
    /// <param name="lastRate">The last layer's rate.</param>
    public static double RateOf(int layer, int layerCount, double lastRate)
    {
        CheckRate(lastRate);
        ArgumentOutOfRangeException.ThrowIfNegative(layer);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(layer, layerCount);
        return lastRate * (layer + 1) / layerCount;
    }

    /// <summary>(B) → (N, 1, …), each sequence's factor for each of its rows.</summary>
    private static Tensor OfRows(Tensor factors, PackedSequences sequences, long axes)
    {
        long[] owners = new long[sequences.Rows];
        for (int b = 0; b < sequences.Count; b++) owners.AsSpan(sequences.Starts[b], sequences.Lengths[b]).Fill(b);
        long[] shape = new long[axes];
        Array.Fill(shape, 1);
        shape[0] = sequences.Rows;
        return factors.index_select(0, tensor(owners, device: factors.device)).view(shape);
    }

    private static void CheckRate(double rate)
    {
        if (!(rate >= 0 && rate < 1)) throw new ArgumentOutOfRangeException(nameof(rate), rate, $"The rate ({rate}) must be at least 0 and below 1.");
    }
}
