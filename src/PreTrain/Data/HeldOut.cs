namespace PreTrain.Data;

/// <summary>Holds examples out, always the same: groups in a pseudo-random order, until they are as many as wanted. One that would make them more than twice as many is passed over.</summary>
internal static class HeldOut
{
    // What is held out does not depend on a run's seed.
    private const ulong SplitKey = 0x6C6162656C73;

    /// <summary>Splits examples; both parts keep their order.</summary>
    /// <param name="examples">All.</param>
    /// <param name="groupOf">Where an example comes from; null where it stands for itself.</param>
    /// <param name="validationFraction">The share that is held out, from 0 to below 1; 0 for none.</param>
    /// <param name="what">What they are, for messages.</param>
    /// <exception cref="ArgumentOutOfRangeException">The share is out of range.</exception>
    /// <exception cref="CorpusException">Nothing would be left to learn from.</exception>
    public static (IReadOnlyList<T> Train, IReadOnlyList<T> Validation) Split<T>(IReadOnlyList<T> examples, Func<T, string?> groupOf, double validationFraction, string what)
    {
        if (!(validationFraction >= 0 && validationFraction < 1)) throw new ArgumentOutOfRangeException(nameof(validationFraction), validationFraction, "The held-out share must be at least 0 and below 1.");
        int wanted = (int)Math.Round(examples.Count * validationFraction);
        if (wanted == 0) return (examples, []);
        int[][] groups = [.. Enumerable.Range(0, examples.Count).GroupBy(i => groupOf(examples[i]) ?? $"\0{i}").Select(group => group.ToArray())];
        var order = new IndexPermutation(groups.Length, SplitKey);
        var held = new HashSet<int>();
        for (long place = 0; place < groups.Length && held.Count < wanted; place++)
        {
            if (held.Count + groups[order[place]].Length <= 2 * wanted) held.UnionWith(groups[order[place]]);
        }
        if (held.Count == 0) held.UnionWith(groups.MinBy(group => group.Length)!);
        if (held.Count == examples.Count)
        {
            string alone = groups.Length == 1 && groupOf(examples[0]) is { } name ? $", all of '{name}'" : "";
            throw new CorpusException(FormattableString.Invariant($"Of {examples.Count} {what} in {groups.Length} groups{alone}, a held-out share of {validationFraction} leaves none to learn from. Use more {what}, or a smaller share."));
        }
        return ([.. examples.Where((_, i) => !held.Contains(i))], [.. examples.Where((_, i) => held.Contains(i))]);
    }
}
