using System.Numerics.Tensors;

namespace PreTrain.Evaluation;

/// <summary>
/// Vectors to search through: the nearest by cosine, found exactly by comparing with all. Vectors are kept side by side and of length 1, so that a comparison is one product over memory, in the widest
/// registers of the processor. Searching is safe for several threads while nothing is added.
/// </summary>
public sealed class EmbeddingIndex
{
    private float[] _vectors = [];

    /// <summary>Creates an index.</summary>
    /// <param name="dimension">Numbers of a vector, C.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="dimension"/> is not positive.</exception>
    public EmbeddingIndex(int dimension)
    {
        if (dimension < 1) throw new ArgumentOutOfRangeException(nameof(dimension), dimension, $"dimension ({dimension}) must be at least 1.");
        Dimension = dimension;
    }

    /// <summary>Creates an index of vectors.</summary>
    /// <param name="vectors">The vectors, at least one, all of one length.</param>
    /// <exception cref="ArgumentException">There are none, or one does not fit.</exception>
    public EmbeddingIndex(IReadOnlyList<float[]> vectors) : this(vectors is [var first, ..] ? first.Length : throw new ArgumentException("There must be at least one vector.", nameof(vectors)))
    {
        _vectors = new float[vectors.Count * Dimension];
        foreach (float[] vector in vectors) Add(vector);
    }

    /// <summary>Numbers of a vector, C.</summary>
    public int Dimension { get; }

    /// <summary>How many vectors there are.</summary>
    public int Count { get; private set; }

    /// <summary>Adds a vector, at the place <see cref="Count"/>.</summary>
    /// <param name="vector">C finite numbers, of any length but 0.</param>
    /// <exception cref="ArgumentException">The vector has another number of numbers, has no direction, or holds numbers that are not finite.</exception>
    public void Add(ReadOnlySpan<float> vector)
    {
        float length = LengthOf(vector, Dimension);
        if ((Count + 1) * Dimension > _vectors.Length) Array.Resize(ref _vectors, Math.Max(16, 2 * Count) * Dimension);
        TensorPrimitives.Divide(vector, length, _vectors.AsSpan(Count * Dimension, Dimension));
        Count++;
    }

    /// <summary>Finds the nearest vectors.</summary>
    /// <param name="query">C numbers.</param>
    /// <param name="count">How many; fewer where the index has no more.</param>
    /// <returns>The nearest first; of equally near ones the one that was added first.</returns>
    /// <exception cref="ArgumentException">The query does not fit, or <paramref name="count"/> is not positive.</exception>
    public IReadOnlyList<SearchHit> Search(ReadOnlySpan<float> query, int count)
    {
        if (count < 1) throw new ArgumentOutOfRangeException(nameof(count), count, $"count ({count}) must be at least 1.");
        float length = LengthOf(query, Dimension);
        // The worst of those that are kept is on top.
        var best = new PriorityQueue<SearchHit, SearchHit>(Comparer<SearchHit>.Create((a, b) => a.Score != b.Score ? a.Score.CompareTo(b.Score) : b.Index.CompareTo(a.Index)));
        for (int i = 0; i < Count; i++)
        {
            float score = TensorPrimitives.Dot(query, _vectors.AsSpan(i * Dimension, Dimension)) / length;
            var hit = new SearchHit(i, score);
            if (best.Count < count) best.Enqueue(hit, hit);
            else if (score > best.Peek().Score) best.EnqueueDequeue(hit, hit);
        }
        SearchHit[] hits = new SearchHit[best.Count];
        for (int i = hits.Length - 1; i >= 0; i--) hits[i] = best.Dequeue();
        return hits;
    }

    /// <summary>Finds the nearest vectors of several queries, on all processors.</summary>
    /// <param name="queries">The queries.</param>
    /// <param name="count">How many for each.</param>
    /// <exception cref="ArgumentException">A query does not fit, or <paramref name="count"/> is not positive.</exception>
    public IReadOnlyList<IReadOnlyList<SearchHit>> SearchAll(IReadOnlyList<float[]> queries, int count)
    {
        ArgumentNullException.ThrowIfNull(queries);
        if (count < 1) throw new ArgumentOutOfRangeException(nameof(count), count, $"count ({count}) must be at least 1.");
        foreach (float[] query in queries) LengthOf(query, Dimension);
        var hits = new IReadOnlyList<SearchHit>[queries.Count];
        Parallel.For(0, hits.Length, i => hits[i] = Search(queries[i], count));
        return hits;
    }

    private static float LengthOf(ReadOnlySpan<float> vector, int dimension)
    {
        if (vector.Length != dimension) throw new ArgumentException($"The vector has {vector.Length} numbers, and those of the index have {dimension}.", nameof(vector));
        float length = TensorPrimitives.Norm(vector);
        return length > 0 && float.IsFinite(length) ? length : throw new ArgumentException($"The vector has the length {length}, and so no direction; it must be positive and finite.", nameof(vector));
    }
}
