using System.Collections.Frozen;
using System.Numerics;

namespace PreTrain.Data;

/// <summary>Gopher's rules (Rae et al., 2021, appendix A.1.1).</summary>
internal static class GopherRules
{
    // Table A1: the largest share of the characters that the most frequent n-gram, or all n-grams that occur twice, may take.
    private static readonly double[] LargestTop = [0.20, 0.18, 0.16];                              // n = 2, 3, 4
    private static readonly double[] LargestDuplicate = [0.15, 0.14, 0.13, 0.12, 0.11, 0.10];      // n = 5 … 10
    private const double LargestLineShare = 0.30, LargestLineCharacters = 0.20;

    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> StopWords =
        new[] { "the", "be", "to", "of", "and", "that", "have", "with" }.ToFrozenSet(StringComparer.OrdinalIgnoreCase).GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>The rule of quality that a document breaks, or null.</summary>
    public static string? Quality(ReadOnlySpan<char> text)
    {
        var words = Words.Find(text);
        if (words.Count < 50)
            return "Gopher: fewer than 50 words";
        if (words.Count > 100_000)
            return "Gopher: more than 100,000 words";
        long letters = 0;
        int withLetter = 0;
        var stopWords = new HashSet<string>();
        foreach (var (start, length) in words)
        {
            letters += length;
            var word = text.Slice(start, length);
            foreach (var c in word)
            {
                if (!char.IsLetter(c) && !char.IsSurrogate(c))
                    continue;
                withLetter++;
                break;
            }
            if (stopWords.Count < 2 && StopWords.TryGetValue(word.Trim(".,;:!?()\"'"), out var stopWord))
                stopWords.Add(stopWord);
        }
        var mean = (double)letters / words.Count;
        if (mean is < 3 or > 10)
            return "Gopher: mean word length outside 3 to 10";
        if (text.Count('#') > 0.1 * words.Count)
            return "Gopher: more than 0.1 hash signs a word";
        if (text.Count("...") + text.Count('…') > 0.1 * words.Count)
            return "Gopher: more than 0.1 ellipses a word";
        int lines = 0, bullets = 0, ellipses = 0;
        foreach (var range in text.Split('\n'))
        {
            var line = text[range].Trim();
            if (line.IsEmpty)
                continue;
            lines++;
            bullets += line[0] is '•' or '‣' or '▪' or '●' or '◦' or '-' or '*' or '–' ? 1 : 0;
            ellipses += line[^1] == '…' || line.EndsWith("...") ? 1 : 0;
        }
        if (bullets > 0.9 * lines)
            return "Gopher: more than 90 % of the lines are bullets";
        if (ellipses > 0.3 * lines)
            return "Gopher: more than 30 % of the lines end with an ellipsis";
        if (withLetter < 0.8 * words.Count)
            return "Gopher: fewer than 80 % of the words hold a letter";
        return stopWords.Count < 2 ? "Gopher: fewer than 2 stop words" : null;
    }

    /// <summary>The rule of repetition that a document breaks, or null.</summary>
    public static string? Repetition(string text)
    {
        if (Repeated(text, "\n") is var (lineShare, lineCharacters) && lineShare > LargestLineShare)
            return "Gopher: more than 30 % duplicate lines";
        if (Repeated(text, "\n\n") is var (paragraphShare, paragraphCharacters) && paragraphShare > LargestLineShare)
            return "Gopher: more than 30 % duplicate paragraphs";
        if (lineCharacters > LargestLineCharacters)
            return "Gopher: more than 20 % of the characters in duplicate lines";
        if (paragraphCharacters > LargestLineCharacters)
            return "Gopher: more than 20 % of the characters in duplicate paragraphs";

        var words = Words.Find(text);
        var hashes = new ulong[words.Count];
        long characters = 0;
        for (var i = 0; i < hashes.Length; i++)
        {
            var hash = 0xCBF29CE484222325;
            foreach (var c in text.AsSpan(words[i].Start, words[i].Length))
                hash = (hash ^ c) * 0x100000001B3;
            hashes[i] = SplitMix.Mix(hash);
            characters += words[i].Length;
        }
        for (var n = 2; n <= 4; n++)
        {
            if (TopShare(words, hashes, n, characters) > LargestTop[n - 2])
                return $"Gopher: the most frequent {n}-gram takes more than {LargestTop[n - 2] * 100:0} % of the characters";
        }
        for (var n = 5; n <= 10; n++)
        {
            if (DuplicateShare(words, hashes, n, characters) > LargestDuplicate[n - 5])
                return $"Gopher: duplicate {n}-grams take more than {LargestDuplicate[n - 5] * 100:0} % of the characters";
        }
        return null;
    }

    /// <summary>The share of the parts that came before, and of the characters in them.</summary>
    private static (double Parts, double Characters) Repeated(string text, string separator)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var known = seen.GetAlternateLookup<ReadOnlySpan<char>>();
        long parts = 0, characters = 0, repeatedParts = 0, repeatedCharacters = 0;
        foreach (var range in text.AsSpan().Split(separator))
        {
            var part = text.AsSpan(range).Trim();
            if (part.IsEmpty)
                continue;
            parts++;
            characters += part.Length;
            if (known.Add(part))
                continue;
            repeatedParts++;
            repeatedCharacters += part.Length;
        }
        return parts == 0 ? (0, 0) : ((double)repeatedParts / parts, (double)repeatedCharacters / characters);
    }

    private static ulong Key(ulong[] hashes, int at, int n)
    {
        var key = 0UL;
        for (var k = 0; k < n; k++)
            key = BitOperations.RotateLeft(key, 17) + hashes[at + k] * 0x9E3779B97F4A7C15;
        return key;
    }

    // Occurrences count where they do not overlap, so that a share is at most 1.
    private static double TopShare(List<(int Start, int Length)> words, ulong[] hashes, int n, long characters)
    {
        var counts = new Dictionary<ulong, (int Count, int Next, int Characters)>(hashes.Length);
        long most = 0;
        for (var i = 0; i + n <= hashes.Length; i++)
        {
            ref var entry = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(counts, Key(hashes, i, n), out var exists);
            if (!exists)
                entry.Characters = Letters(words, i, n);
            if (i < entry.Next)
                continue;
            entry.Count++;
            entry.Next = i + n;
            if (entry.Count > 1)
                most = Math.Max(most, (long)entry.Count * entry.Characters);
        }
        return characters == 0 ? 0 : (double)most / characters;
    }

    // Each word counts once, however many duplicate n-grams it is part of.
    private static double DuplicateShare(List<(int Start, int Length)> words, ulong[] hashes, int n, long characters)
    {
        var seen = new HashSet<ulong>(hashes.Length);
        long repeated = 0;
        var counted = 0;
        for (var i = 0; i + n <= hashes.Length; i++)
        {
            if (seen.Add(Key(hashes, i, n)))
                continue;
            var from = Math.Max(i, counted);
            repeated += Letters(words, from, i + n - from);
            counted = i + n;
        }
        return characters == 0 ? 0 : (double)repeated / characters;
    }

    private static int Letters(List<(int Start, int Length)> words, int from, int count)
    {
        var letters = 0;
        for (var i = from; i < from + count; i++)
            letters += words[i].Length;
        return letters;
    }
}
