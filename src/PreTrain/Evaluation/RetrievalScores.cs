namespace PreTrain.Evaluation;

/// <summary>How well searches find what they should: recall@k, the share of the relevant texts that is among the first k, and the mean reciprocal rank of the first relevant one (Voorhees 1999).</summary>
public sealed class RetrievalScores
{
    private readonly IReadOnlyList<IReadOnlySet<int>> _relevant;
    private readonly IReadOnlyList<IReadOnlyList<int>> _found;

    /// <summary>Compares.</summary>
    /// <param name="relevant">For each query the texts that belong to it, at least one.</param>
    /// <param name="found">For each query the texts that were found, the best first, each once.</param>
    /// <exception cref="ArgumentException">There is no query, another number of results, a query to which nothing belongs, or a text that was found twice.</exception>
    public RetrievalScores(IReadOnlyList<IReadOnlySet<int>> relevant, IReadOnlyList<IReadOnlyList<int>> found)
    {
        MetricRules.RequirePairs(relevant, nameof(relevant), found, nameof(found));
        for (int i = 0; i < relevant.Count; i++)
        {
            if (relevant[i].Count == 0) throw new ArgumentException($"No text belongs to query {i}; leave it out.", nameof(relevant));
            if (found[i].Distinct().Count() < found[i].Count) throw new ArgumentException($"A text was found twice for query {i}.", nameof(found));
        }
        (_relevant, _found) = (relevant, found);
        double sum = 0;
        for (int i = 0; i < relevant.Count; i++)
        {
            for (int rank = 0; rank < found[i].Count; rank++)
            {
                if (!relevant[i].Contains(found[i][rank])) continue;
                sum += 1.0 / (rank + 1);
                break;
            }
        }
        MeanReciprocalRank = sum / relevant.Count;
    }

    /// <summary>The mean over queries of one by the rank of the first relevant text; 0 of a query for which none was found.</summary>
    public double MeanReciprocalRank { get; }

    /// <summary>The mean over queries of the share of relevant texts that is among the first k.</summary>
    /// <param name="k">How many count.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="k"/> is not positive.</exception>
    public double RecallAt(int k)
    {
        if (k < 1) throw new ArgumentOutOfRangeException(nameof(k), k, $"k ({k}) must be at least 1.");
        return Enumerable.Range(0, _relevant.Count).Average(i => (double)_found[i].Take(k).Count(_relevant[i].Contains) / _relevant[i].Count);
    }
}
