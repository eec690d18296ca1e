namespace PreTrain.Data;

/// <summary>Which examples are held out: always the same, in whole groups.</summary>
internal static class HeldOutExamples
{
    // What is held out does not depend on a run's seed.
    private const ulong SplitKey = 0x6C6162656C73;

    /// <summary>Takes groups in a pseudo-random order, until they are as many examples as wanted.</summary>
    /// <param name="count">The examples.</param>
    /// <param name="fraction">The share that is held out, from 0 to below 1.</param>
    /// <param name="group">The group of an example; null where it stands for itself.</param>
    /// <param name="what">What the examples are.</param>
    /// <exception cref="ArgumentOutOfRangeException">The share is out of range.</exception>
    /// <exception cref="CorpusException">Nothing would be left to learn from.</exception>
    internal static HashSet<int> Choose(int count, double fraction, Func<int, string?> group, string what)
    {
        if (!(fraction >= 0 && fraction < 1)) throw new ArgumentOutOfRangeException(nameof(fraction), fraction, "The held-out share must be at least 0 and below 1.");
        int wanted = (int)Math.Round(count * fraction);
        if (wanted == 0) return [];
        int[][] groups = [.. Enumerable.Range(0, count).GroupBy(i => group(i) ?? $"\0{i}").Select(members => members.ToArray())];
        var order = new IndexPermutation(groups.Length, SplitKey);
        var held = new HashSet<int>();
        for (long place = 0; place < groups.Length && held.Count < wanted; place++) held.UnionWith(groups[order[place]]);
        return held.Count < count ? held : throw new CorpusException(
            FormattableString.Invariant($"Of {count} {what} in {groups.Length} groups, a held-out share of {fraction} leaves none to learn from. Use more texts, or a smaller share."));
    }
}
