using System.Buffers;

namespace PreTrain.Tokenization;

/// <summary>
/// Merges the symbols of a word: always the pair of the lowest rank and, among equals, the leftmost. Short words are scanned for it; long ones
/// keep their pairs in a heap, which takes n log n steps.
/// </summary>
internal static class SymbolMerger
{
    /// <summary>The number of symbols up to which a word is scanned.</summary>
    public const int ScanLength = 48;

    /// <summary>Merges symbols in place.</summary>
    /// <param name="table">The merges.</param>
    /// <param name="symbols">The symbols; negative ones are never merged.</param>
    /// <param name="starts">Where each starts, moved along with them; empty if nobody asks.</param>
    /// <returns>How many are left.</returns>
    public static int Merge(MergeTable table, Span<int> symbols, Span<int> starts) =>
        symbols.Length <= ScanLength ? Scan(table, symbols, starts) : UseHeap(table, symbols, starts, 0, null);

    /// <summary>Merges symbols in place, where each merge is skipped with some chance when its turn comes, as in Hugging Face's tokenizers:
    /// what was skipped has another turn after the next merge that was not.</summary>
    public static int MergeAtRandom(MergeTable table, Span<int> symbols, Span<int> starts, double dropout, SampleStream random) =>
        UseHeap(table, symbols, starts, dropout, random);

    private static int Scan(MergeTable table, Span<int> symbols, Span<int> starts)
    {
        Span<int> ranks = stackalloc int[ScanLength];   // ranks[i]: that of the pair (i, i + 1)
        Span<int> merged = stackalloc int[ScanLength];
        int n = symbols.Length;
        for (int i = 0; i + 1 < n; i++)
            ranks[i] = table.Find(symbols[i], symbols[i + 1], out merged[i]);
        while (n > 1)
        {
            int best = 0;
            for (int i = 1; i < n - 1; i++)
            {
                if (ranks[i] < ranks[best])
                    best = i;
            }

            if (ranks[best] == MergeTable.None)
                break;
            symbols[best] = merged[best];
            symbols[(best + 2)..n].CopyTo(symbols[(best + 1)..]);
            if (!starts.IsEmpty)
                starts[(best + 2)..n].CopyTo(starts[(best + 1)..]);
            ranks[(best + 1)..(n - 1)].CopyTo(ranks[best..]);
            merged[(best + 1)..(n - 1)].CopyTo(merged[best..]);
            n--;
            if (best > 0)
                ranks[best - 1] = table.Find(symbols[best - 1], symbols[best], out merged[best - 1]);
            if (best + 1 < n)
                ranks[best] = table.Find(symbols[best], symbols[best + 1], out merged[best]);
        }

        return n;
    }

    private static int UseHeap(MergeTable table, Span<int> symbols, Span<int> starts, double dropout, SampleStream? random)
    {
        const int Gone = int.MinValue;   // merged into the one before
        int n = symbols.Length;
        int[] links = ArrayPool<int>.Shared.Rent(checked(n * 2));
        Span<int> previous = links.AsSpan(0, n);
        Span<int> next = links.AsSpan(n, n);
        // Lowest rank first, then leftmost. Entries are not removed when their pair changes; they are recognised by their rank.
        var queue = new PriorityHeap(n);
        List<ulong>? skipped = random is null ? null : [];
        for (int i = 0; i < n; i++)
            (previous[i], next[i]) = (i - 1, i + 1);
        for (int i = 0; i + 1 < n; i++)
            Push(ref queue, table, symbols, i, i + 1);
        while (queue.TryPop(out ulong top))
        {
            if (skipped is not null)
            {
                if (random!.NextDouble() < dropout)
                {
                    skipped.Add(top);
                    continue;
                }

                foreach (ulong item in skipped)
                    queue.Push(item);
                skipped.Clear();
            }

            int at = (int)(uint)top;
            int right = next[at];
            if (symbols[at] == Gone || right >= n)
                continue;
            int rank = table.Find(symbols[at], symbols[right], out int id);
            if (rank != (int)(top >> 32) || rank == MergeTable.None)
                continue;
            symbols[at] = id;
            symbols[right] = Gone;
            next[at] = next[right];
            if (next[at] < n)
            {
                previous[next[at]] = at;
                Push(ref queue, table, symbols, at, next[at]);
            }

            if (previous[at] >= 0)
                Push(ref queue, table, symbols, previous[at], at);
        }

        queue.Dispose();
        int count = 0;
        for (int i = 0; i < n; i = next[i])
        {
            symbols[count] = symbols[i];
            if (!starts.IsEmpty)
                starts[count] = starts[i];
            count++;
        }

        ArrayPool<int>.Shared.Return(links);
        return count;
    }

    private static void Push(ref PriorityHeap queue, MergeTable table, ReadOnlySpan<int> symbols, int left, int right)
    {
        int rank = table.Find(symbols[left], symbols[right], out _);
        if (rank != MergeTable.None)
            queue.Push(((ulong)(uint)rank << 32) | (uint)left);
    }
}
