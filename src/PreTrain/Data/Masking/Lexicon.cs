using System.Text;
using PreTrain.Tokenization;

namespace PreTrain.Data.Masking;

/// <summary>Phrases and entities as sequences of tokens.</summary>
internal sealed class Lexicon
{
    private readonly Dictionary<long, int[][]> _entries;   // by the first token, the longest first

    private Lexicon(Dictionary<long, int[][]> entries) => _entries = entries;

    /// <summary>Reads a file.</summary>
    /// <exception cref="CorpusException">It is missing, no UTF-8, or holds no phrase.</exception>
    internal static Lexicon Load(string path, TextTokenizer tokenizer)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllText(path, new UTF8Encoding(false, throwOnInvalidBytes: true)).Split('\n');
        }
        catch (DecoderFallbackException e)
        {
            throw new CorpusException($"The lexicon '{path}' is not UTF-8: {e.Message}", path, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CorpusException($"The lexicon '{path}' cannot be read: {e.Message}", path, e);
        }
        var entries = new HashSet<string>();
        var all = new List<int[]>();
        foreach (string line in lines.Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#'))
        {
            // Inside a text, most vocabularies have other tokens after a blank than at the beginning.
            foreach (string text in new[] { line, " " + line })
            {
                int[] ids = tokenizer.Encode(text.AsSpan());
                if (ids.Length > 0 && entries.Add(string.Join(' ', ids))) all.Add(ids);
            }
        }
        if (all.Count == 0) throw new CorpusException($"The lexicon '{path}' holds no phrase; it takes one on each line.", path);
        return new Lexicon(all.GroupBy(ids => (long)ids[0]).ToDictionary(group => group.Key, group => group.OrderByDescending(ids => ids.Length).ToArray()));
    }

    /// <summary>The tokens of the longest entry that begins a text and ends with a word; 0 if none does.</summary>
    internal int Match(ReadOnlySpan<long> ids, TokenTable table)
    {
        if (!_entries.TryGetValue(ids[0], out int[][]? candidates)) return 0;
        foreach (int[] entry in candidates)
        {
            if (entry.Length > ids.Length || (entry.Length < ids.Length && !table.IsWordBoundary(ids[entry.Length - 1], ids[entry.Length]))) continue;
            int i = 0;
            while (i < entry.Length && entry[i] == ids[i]) i++;
            if (i == entry.Length) return i;
        }
        return 0;
    }
}
