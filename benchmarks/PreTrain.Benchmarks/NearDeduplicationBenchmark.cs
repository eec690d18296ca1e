using System.Diagnostics;
using PreTrain.Data;

namespace PreTrain.Benchmarks;

/// <summary>
/// <c>near-deduplication [DOCUMENTS]</c>: the time of near deduplication, and its agreement with brute force, which compares every document with every one that was
/// kept. Half of the documents are edits of earlier ones.
/// </summary>
internal static class NearDeduplicationBenchmark
{
    private const double Threshold = 0.8;
    private const int ShingleWords = 5;

    public static int Run(string[] arguments)
    {
        int count = arguments is [var given] ? int.Parse(given) : 50_000;
        string[] documents = Documents(count);
        double megabytes = documents.Sum(document => (long)document.Length) / 1e6;

        var watch = Stopwatch.StartNew();
        HashSet<string> kept = [.. TextCorpus.FromDocuments(documents).Apply(new NearDeduplication())];
        double seconds = watch.Elapsed.TotalSeconds;

        watch.Restart();
        bool[] isDropped = BruteForce(documents);
        double bruteSeconds = watch.Elapsed.TotalSeconds;
        int both = 0, dropped = 0, expected = isDropped.Count(value => value);
        for (int i = 0; i < count; i++)
        {
            if (kept.Contains(documents[i])) continue;
            dropped++;
            if (isDropped[i]) both++;
        }
        Console.WriteLine($"{count} documents, {megabytes:F1} MB, {Environment.ProcessorCount} processors: MinHash {seconds:F2} s, brute force {bruteSeconds:F1} s; "
            + $"dropped {dropped} and {expected}, both {both}, F1 {2.0 * both / (dropped + expected):F4}");
        return 0;
    }

    /// <summary>The Jaccard similarity of all pairs by the words' own hashes, a shingle index making it bearable: pairs without a common shingle are not similar.</summary>
    private static bool[] BruteForce(string[] documents)
    {
        var sets = new HashSet<string>[documents.Length];
        Parallel.For(0, documents.Length, i =>
        {
            string[] words = documents[i].ToLowerInvariant().Split(' ');
            sets[i] = [.. Enumerable.Range(0, words.Length - ShingleWords + 1).Select(k => string.Join(' ', words, k, ShingleWords))];
        });
        var holders = new Dictionary<string, List<int>>();
        var isDropped = new bool[documents.Length];
        var common = new Dictionary<int, int>();
        for (int i = 0; i < documents.Length; i++)
        {
            common.Clear();
            foreach (string shingle in sets[i])
            {
                if (!holders.TryGetValue(shingle, out List<int>? list)) continue;
                foreach (int other in list) common[other] = common.GetValueOrDefault(other) + 1;
            }
            isDropped[i] = common.Any(pair => pair.Value >= Threshold * (sets[i].Count + sets[pair.Key].Count - pair.Value));
            if (isDropped[i]) continue;
            foreach (string shingle in sets[i])
            {
                if (!holders.TryGetValue(shingle, out List<int>? list)) holders[shingle] = list = [];
                list.Add(i);
            }
        }
        return isDropped;
    }

    private static string[] Documents(int count)
    {
        var random = new Random(11);
        var documents = new string[count];
        for (int i = 0; i < count; i++)
        {
            if (i == 0 || random.Next(2) == 0)
            {
                documents[i] = string.Join(' ', Enumerable.Range(0, random.Next(80, 320)).Select(_ => $"w{random.Next(20_000)}"));
                continue;
            }
            string[] words = documents[random.Next(i)].Split(' ');
            for (int edits = random.Next(0, 16); edits > 0; edits--) words[random.Next(words.Length)] = $"e{random.Next(20_000)}";
            documents[i] = string.Join(' ', words) + $" x{i}";
        }
        return documents;
    }
}
