// H heads, T queries, S keys
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Models.T5;

/// <summary>
/// Relative positions (Raffel et al. 2020, section 2.1): each head adds a learned number to a score, one for each bucket of distances between key and query.
/// Half of a direction's buckets stand for one distance each, the rest for ranges that grow by a factor up to the largest distance.
/// </summary>
internal sealed class T5Positions
{
    private readonly bool _bothWays;
    private readonly int _buckets;     // of one direction
    private readonly long[] _far;      // the bucket of a distance, up to the largest

    internal T5Positions(int bucketCount, int maxDistance, bool bothWays)
    {
        _bothWays = bothWays;
        _buckets = bothWays ? bucketCount / 2 : bucketCount;
        int exact = _buckets / 2;
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        // In torch's own 32 bits: at a range's edge another rounding is another bucket.
        Tensor distances = arange(exact, maxDistance + 1, dtype: ScalarType.Float32);
        Tensor steps = log(distances / exact) / Math.Log((double)maxDistance / exact) * (_buckets - exact);
        _far = [.. Enumerable.Range(0, exact).Select(d => (long)d), .. (steps.to(ScalarType.Int64) + exact).clamp(max: _buckets - 1).data<long>()];
    }

    /// <summary>The numbers that are added to scores.</summary>
    /// <param name="table">(buckets, H).</param>
    /// <param name="queries">T.</param>
    /// <param name="keys">S.</param>
    /// <param name="offset">The position of the first query among the keys.</param>
    /// <returns>(1, H, T, S).</returns>
    internal Tensor Bias(Tensor table, int queries, int keys, int offset = 0)
    {
        using DisposeScope scope = NewDisposeScope();
        long[] buckets = new long[(long)queries * keys];
        for (int t = 0; t < queries; t++)
        {
            for (int s = 0; s < keys; s++) buckets[(long)t * keys + s] = Bucket(s - (offset + t));
        }
        Tensor rows = table.index_select(0, tensor(buckets, device: table.device));   // (T·S, H)
        return scope.MoveToOuter(rows.view(queries, keys, -1).permute(2, 0, 1).unsqueeze(0));
    }

    /// <summary>The bucket of a key so many places behind its query. Where one direction only is seen, all keys behind it share the first.</summary>
    internal long Bucket(int distance)
    {
        long ahead = _bothWays && distance > 0 ? _buckets : 0;
        int size = _bothWays ? Math.Abs(distance) : Math.Max(0, -distance);
        return ahead + _far[Math.Min(size, _far.Length - 1)];
    }
}
