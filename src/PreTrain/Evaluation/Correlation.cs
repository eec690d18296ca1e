namespace PreTrain.Evaluation;

/// <summary>How two lists of numbers go together.</summary>
public static class Correlation
{
    /// <summary>Pearson's coefficient, of how well a line fits.</summary>
    /// <param name="first">Numbers.</param>
    /// <param name="second">As many.</param>
    /// <returns>From −1 to 1.</returns>
    /// <exception cref="ArgumentException">There are fewer than two, other numbers of them, or all of one list are equal.</exception>
    public static double Pearson(IReadOnlyList<double> first, IReadOnlyList<double> second)
    {
        MetricRules.RequirePairs(first, nameof(first), second, nameof(second));
        double meanA = first.Average(), meanB = second.Average(), both = 0, a = 0, b = 0;
        for (int i = 0; i < first.Count; i++)
        {
            double x = first[i] - meanA, y = second[i] - meanB;
            both += x * y;
            a += x * x;
            b += y * y;
        }
        if (a == 0 || b == 0) throw new ArgumentException("All numbers of a list are equal, and nothing goes together with them. Use more examples.", a == 0 ? nameof(first) : nameof(second));
        return Math.Clamp(both / Math.Sqrt(a * b), -1, 1);
    }

    /// <summary>Spearman's coefficient (1904): Pearson's of the ranks, of equal numbers the mean rank.</summary>
    /// <param name="first">Numbers.</param>
    /// <param name="second">As many.</param>
    /// <returns>From −1 to 1.</returns>
    /// <exception cref="ArgumentException">There are fewer than two, other numbers of them, or all of one list are equal.</exception>
    public static double Spearman(IReadOnlyList<double> first, IReadOnlyList<double> second)
    {
        MetricRules.RequirePairs(first, nameof(first), second, nameof(second));
        return Pearson(Ranks(first), Ranks(second));
    }

    private static double[] Ranks(IReadOnlyList<double> numbers)
    {
        int[] order = [.. Enumerable.Range(0, numbers.Count).OrderBy(i => numbers[i])];
        double[] ranks = new double[order.Length];
        for (int from = 0; from < order.Length;)
        {
            int to = from;
            while (to < order.Length && numbers[order[to]] == numbers[order[from]]) to++;
            for (int i = from; i < to; i++) ranks[order[i]] = (from + to - 1) / 2.0;
            from = to;
        }
        return ranks;
    }
}
