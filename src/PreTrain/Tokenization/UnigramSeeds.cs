using System.Text;

namespace PreTrain.Tokenization;

/// <summary>
/// The candidates with which the training of a unigram model begins: all characters, and of the substrings of the distinct words that occur
/// twice and go on in two ways the most frequent by length. They are those of Hugging Face's <c>UnigramTrainer</c>, which takes them from a suffix array.
/// </summary>
internal static class UnigramSeeds
{
    /// <summary>Finds them, with their weights: for characters how often they occur, for the others occurrences in distinct words times length.</summary>
    public static List<(string Piece, double Weight)> Find(IReadOnlyList<(string Word, long Count)> words, UnigramOptions options, CancellationToken cancellation)
    {
        // Characters as their ranks from 1 on, with 0 after each word and in the place of NUL.
        var counts = new Dictionary<int, long>();
        int length = 0;
        foreach ((string word, long count) in words)
        {
            foreach (Rune rune in word.EnumerateRunes())
            {
                if (rune.Value != 0)
                    counts[rune.Value] = counts.GetValueOrDefault(rune.Value) + count;
                length = checked(length + 1);
            }

            length = checked(length + 1);
        }

        int[] characters = [0, .. counts.Keys.Order()];
        var ranks = new Dictionary<int, int>();
        for (int i = 0; i < characters.Length; i++)
            ranks[characters[i]] = i;
        int[] text = new int[length + 1];
        int at = 0;
        foreach ((string word, _) in words)
        {
            foreach (Rune rune in word.EnumerateRunes())
                text[at++] = ranks[rune.Value];
            text[at++] = 0;
        }

        var seeds = new List<(string, double)>();
        foreach ((int character, long count) in counts.OrderByDescending(c => c.Value).ThenByDescending(c => c.Key))
            seeds.Add((char.ConvertFromUtf32(character), count));
        int[] sorted = SortSuffixes(text, characters.Length, options, cancellation);
        foreach ((long score, int suffix, int depth) in Substrings(text, sorted, options.MaxPieceLength))
        {
            var piece = new StringBuilder();
            foreach (int rank in text.AsSpan(sorted[suffix], depth))
                piece.Append(char.ConvertFromUtf32(characters[rank]));
            seeds.Add((piece.ToString(), score));
            if (seeds.Count >= options.SeedSize)
                break;
        }

        return seeds;
    }

    /// <summary>Sorts the places of the text by what follows there, up to the end of the word or the first character that no piece can reach.</summary>
    private static int[] SortSuffixes(int[] text, int alphabetSize, UnigramOptions options, CancellationToken cancellation)
    {
        // By the first character, then each such part by itself. What is equal may stand in any order.
        int[] starts = new int[alphabetSize + 1];
        foreach (int rank in text)
            starts[rank]++;
        int sum = starts[0] = 0;
        for (int i = 1; i <= alphabetSize; i++)
            (starts[i], sum) = (sum, sum + starts[i]);
        int[] next = [.. starts];
        int[] sorted = new int[starts[alphabetSize]];
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] > 0)
                sorted[next[text[i]]++] = i;
        }

        var comparer = new SuffixComparer(text, options.MaxPieceLength + 1);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Threads == 0 ? -1 : options.Threads, CancellationToken = cancellation };
        Parallel.For(1, alphabetSize, parallel, rank => sorted.AsSpan(starts[rank]..starts[rank + 1]).Sort(comparer));
        return sorted;
    }

    /// <summary>The inner nodes of the suffix tree, the highest score first and among equals the last by their characters.</summary>
    private static IEnumerable<(long Score, int Suffix, int Depth)> Substrings(int[] text, int[] sorted, int maxLength)
    {
        var found = new List<(long Score, int Suffix, int Depth)>();
        var open = new Stack<(int Depth, int First)>();
        for (int i = 1; i <= sorted.Length; i++)
        {
            int common = i < sorted.Length ? CommonLength(text, sorted[i - 1], sorted[i], maxLength + 1) : 0;
            int first = i - 1;
            while (open.Count > 0 && open.Peek().Depth > common)
            {
                (int Depth, int First) top = open.Pop();
                first = top.First;
                if (top.Depth >= 2 && top.Depth <= maxLength && !text.AsSpan(sorted[first], top.Depth).Contains(0))
                    found.Add(((long)(i - first) * top.Depth, first, top.Depth));
            }

            if (common > 0 && (open.Count == 0 || open.Peek().Depth < common))
                open.Push((common, first));
        }

        found.Sort((a, b) => a.Score != b.Score ? b.Score.CompareTo(a.Score) : a.Suffix != b.Suffix ? b.Suffix.CompareTo(a.Suffix) : b.Depth.CompareTo(a.Depth));
        return found;
    }

    /// <summary>The number of equal characters; the end of a word counts as one.</summary>
    private static int CommonLength(int[] text, int a, int b, int limit)
    {
        for (int i = 0; i < limit; i++)
        {
            if (text[a + i] != text[b + i])
                return i;
            if (text[a + i] == 0)
                return i + 1;
        }

        return limit;
    }

    private readonly struct SuffixComparer(int[] text, int limit) : IComparer<int>
    {
        public int Compare(int x, int y)
        {
            for (int i = 0; i < limit; i++)
            {
                int order = text[x + i] - text[y + i];
                if (order != 0)
                    return order;
                if (text[x + i] == 0)
                    return 0;
            }

            return 0;
        }
    }
}
