using System.Collections.Frozen;
using PreTrain.Data.Masking;

namespace PreTrain.Data;

/// <summary>
/// Small changes of a text that leave its class (Wei and Zou 2019, "EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification Tasks", section 2): words are replaced by synonyms,
/// inserted, swapped or deleted. Each call does one of the four, chosen evenly among those that have a rate, and what it does follows from the seed alone.
/// </summary>
public sealed class TextAugmentation
{
    private readonly FrozenDictionary<string, string[]> _synonyms;
    private readonly FrozenSet<string> _stopWords;
    private readonly TextAugmentationOptions _options;
    private readonly Operation[] _operations;

    /// <summary>Prepares the changes.</summary>
    /// <param name="options">How much is changed; null for the usual.</param>
    /// <exception cref="ArgumentException">An option is out of range, or all rates are 0; synonyms are wanted, and there are none.</exception>
    public TextAugmentation(TextAugmentationOptions? options = null)
    {
        _options = options ?? new();
        _options.Validate();
        var groups = new Dictionary<string, List<string>>(StringComparer.OrdinalIgnoreCase);
        foreach (IReadOnlyList<string> group in _options.Synonyms)
        {
            foreach (string word in group)
            {
                if (!groups.TryGetValue(word, out List<string>? others)) groups.Add(word, others = []);
                others.AddRange(group.Where(other => !string.Equals(other, word, StringComparison.OrdinalIgnoreCase) && !others.Contains(other)));
            }
        }
        _synonyms = groups.Where(g => g.Value.Count > 0).ToFrozenDictionary(g => g.Key, g => g.Value.ToArray(), StringComparer.OrdinalIgnoreCase);
        _stopWords = _options.StopWords.ToFrozenSet(StringComparer.OrdinalIgnoreCase);
        _operations =
        [
            .. new (Operation Operation, double Rate)[] { (Replace, _options.ReplacementRate), (Insert, _options.InsertionRate), (Swap, _options.SwapRate), (Delete, _options.DeletionRate) }
                .Where(o => o.Rate > 0).Select(o => o.Operation),
        ];
    }

    private delegate void Operation(List<string> words, ref MaskRandom random);

    /// <summary>Reads groups of synonyms: on each line words that mean the same, separated by commas or tabs; empty lines and those that begin with # are skipped.</summary>
    /// <param name="file">UTF-8 text.</param>
    /// <exception cref="CorpusException">The file cannot be read, a line has fewer than two words, or there is no line.</exception>
    public static IReadOnlyList<IReadOnlyList<string>> ReadSynonyms(string file)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(file);
        string text;
        using (var source = new SourceFile(file)) text = source.ReadAllText(replaceInvalid: false);
        var groups = new List<IReadOnlyList<string>>();
        string[] lines = text.Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].Trim();
            if (line.Length == 0 || line[0] == '#') continue;
            string[] words = line.Split([',', '\t'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            if (words.Length < 2) throw new CorpusException($"Line {i + 1} of the synonyms '{file}' ('{line}') must hold at least two words, separated by commas or tabs.", file);
            groups.Add(words);
        }
        return groups.Count > 0 ? groups : throw new CorpusException($"The file '{file}' holds no synonyms; it takes words that mean the same on each line, separated by commas.", file);
    }

    /// <summary>Changes a text.</summary>
    /// <param name="text">Words with white space between them; marks at a word's ends stay with it.</param>
    /// <param name="seed">Decides what is changed.</param>
    /// <returns>The words with single blanks between them; the text itself where it has no word.</returns>
    public string Apply(string text, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(text);
        List<string> words = [.. text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)];
        if (words.Count == 0) return text;
        var random = new MaskRandom(seed);
        _operations[random.Next(_operations.Length)](words, ref random);
        return string.Join(' ', words);
    }

    /// <summary>α·l words, at least one (section 2).</summary>
    private static int CountOf(double rate, int words) => Math.Max(1, (int)(rate * words));

    private void Replace(List<string> words, ref MaskRandom random)
    {
        int left = CountOf(_options.ReplacementRate, words.Count);
        foreach (int place in random.Permutation(words.Count))
        {
            if (left == 0) return;
            if (SynonymOf(words[place], ref random) is not { } synonym) continue;
            words[place] = synonym;
            left--;
        }
    }

    private void Insert(List<string> words, ref MaskRandom random)
    {
        for (int left = CountOf(_options.InsertionRate, words.Count); left > 0; left--)
        {
            foreach (int place in random.Permutation(words.Count))
            {
                if (SynonymOf(words[place].Trim([.. words[place].Where(c => !char.IsLetterOrDigit(c))]), ref random) is not { } synonym) continue;
                words.Insert(random.Next(words.Count + 1), synonym);
                break;
            }
        }
    }

    private void Swap(List<string> words, ref MaskRandom random)
    {
        for (int left = CountOf(_options.SwapRate, words.Count); left > 0 && words.Count > 1; left--)
        {
            int one = random.Next(words.Count), other = (one + 1 + random.Next(words.Count - 1)) % words.Count;
            (words[one], words[other]) = (words[other], words[one]);
        }
    }

    /// <summary>Each word with the rate as its probability; of a text that would be left empty, one word stays.</summary>
    private void Delete(List<string> words, ref MaskRandom random)
    {
        string kept = words[random.Next(words.Count)];
        var left = new List<string>();
        foreach (string word in words)
            if (random.NextDouble() >= _options.DeletionRate) left.Add(word);
        words.Clear();
        words.AddRange(left.Count > 0 ? left : [kept]);
    }

    /// <summary>Another word for one that is no stop word, with the marks around it; null where there is none.</summary>
    private string? SynonymOf(string word, ref MaskRandom random)
    {
        int first = 0, end = word.Length;
        while (first < end && !char.IsLetterOrDigit(word[first])) first++;
        while (end > first && !char.IsLetterOrDigit(word[end - 1])) end--;
        string core = word[first..end];
        return !_stopWords.Contains(core) && _synonyms.TryGetValue(core, out string[]? others) ? word[..first] + others[random.Next(others.Length)] + word[end..] : null;
    }
}
