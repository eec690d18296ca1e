using System.Text;

namespace PreTrain.Tokenization;

/// <summary>The words of a corpus as symbols, each of which has a slot, with an end between two words; and the tokens that they are so far.</summary>
internal sealed class SymbolWords
{
    /// <summary>The slot between two words.</summary>
    public const int End = -1;

    private SymbolWords(long slots, int words)
    {
        if (slots > Array.MaxLength)
            throw new ArgumentException($"The corpus has too many different words: {slots} symbols of them, where {Array.MaxLength} can be handled. Train on a part of it.");
        Symbols = new int[slots];
        WordOf = new int[slots];
        WordCounts = new long[words];
        Array.Fill(Symbols, End);
    }

    /// <summary>The symbol in each slot.</summary>
    public int[] Symbols { get; }

    /// <summary>The word that each slot belongs to.</summary>
    public int[] WordOf { get; }

    /// <summary>How often each word occurs.</summary>
    public long[] WordCounts { get; }

    /// <summary>The tokens by their ids.</summary>
    public List<string> Tokens { get; } = [];

    /// <summary>The ids of the tokens.</summary>
    public Dictionary<string, int> Ids { get; } = new(StringComparer.Ordinal);

    /// <summary>The words as bytes. The tokens are the special ones, then the 256 bytes in the order of their spelling.</summary>
    public static SymbolWords OfBytes(WordCounter words, IReadOnlyList<string> specialTokens)
    {
        long slots = 1;
        for (int i = 0; i < words.Count; i++)
            slots += Encoding.UTF8.GetByteCount(words.Word(i)) + 1;
        var result = new SymbolWords(slots, words.Count);
        foreach (string token in specialTokens)
            result.IdOf(token);
        int[] byteIds = new int[256];
        foreach (char c in ByteAlphabet.InOrder)
            byteIds[ByteAlphabet.ToByte(c)] = result.IdOf(c.ToString());
        byte[] bytes = [];
        int at = 1;
        for (int i = 0; i < words.Count; i++)
        {
            ReadOnlySpan<char> word = words.Word(i);
            if (bytes.Length < word.Length * 3)
                bytes = new byte[word.Length * 3];
            int length = Encoding.UTF8.GetBytes(word, bytes);
            result.WordCounts[i] = words.CountOf(i);
            for (int k = 0; k < length; k++, at++)
                (result.Symbols[at], result.WordOf[at]) = (byteIds[bytes[k]], i);
            at++;
        }

        return result;
    }

    /// <summary>
    /// The words as characters, those left out that the alphabet lacks. The tokens are the special ones, the alphabet by code points, then
    /// the characters with affixes, by code points too: there Hugging Face's tokenizers follow the order of a hash table.
    /// </summary>
    /// <param name="words">The words.</param>
    /// <param name="options">The special tokens, the alphabet and the affixes.</param>
    /// <param name="firstAffixed">Characters with affixes that come before the others; for tests, which repeat what the reference did.</param>
    public static SymbolWords OfCharacters(WordCounter words, BpeOptions options, IReadOnlyList<string>? firstAffixed = null)
    {
        var counts = new Dictionary<int, long>();
        long slots = 1;
        for (int i = 0; i < words.Count; i++)
        {
            foreach (Rune rune in words.Word(i).EnumerateRunes())
            {
                counts[rune.Value] = counts.GetValueOrDefault(rune.Value) + words.CountOf(i);
                slots++;
            }

            slots++;
        }

        foreach (string character in options.InitialAlphabet)
            counts[Rune.GetRuneAt(character, 0).Value] = long.MaxValue;
        var result = new SymbolWords(slots, words.Count);
        foreach (string token in options.AllSpecialTokens)
            result.IdOf(token);
        IEnumerable<int> kept = counts.OrderByDescending(c => c.Value).ThenBy(c => c.Key).Select(c => c.Key);
        foreach (int character in kept.Take(options.AlphabetLimit ?? int.MaxValue).Order())
            result.IdOf(char.ConvertFromUtf32(character));
        var alphabet = new AffixedAlphabet(result, counts.Keys, options);
        alphabet.AddTokens(words, firstAffixed);
        int at = 1;
        for (int i = 0; i < words.Count; i++)
        {
            result.WordCounts[i] = words.CountOf(i);
            ReadOnlySpan<char> word = words.Word(i);
            for (int from = 0, length; from < word.Length; from += length)
            {
                Rune.DecodeFromUtf16(word[from..], out Rune rune, out length);
                int id = alphabet.Find(rune.Value, from == 0, from + length == word.Length);
                if (id >= 0)
                {
                    (result.Symbols[at], result.WordOf[at]) = (id, i);
                    at++;
                }
            }

            at++;
        }

        return result;
    }

    /// <summary>The id of a token, which is a new one if need be.</summary>
    public int IdOf(string token)
    {
        if (!Ids.TryGetValue(token, out int id))
        {
            id = Tokens.Count;
            Ids.Add(token, id);
            Tokens.Add(token);
        }

        return id;
    }

    /// <summary>The tokens of characters at the four kinds of place in a word.</summary>
    private sealed class AffixedAlphabet(SymbolWords owner, IEnumerable<int> characters, BpeOptions options)
    {
        private readonly HashSet<int> _known = [.. characters.Where(c => owner.Ids.ContainsKey(char.ConvertFromUtf32(c)))];
        private readonly Dictionary<(int Character, bool IsFirst, bool IsLast), int> _ids = [];

        public void AddTokens(WordCounter words, IReadOnlyList<string>? first)
        {
            var places = new HashSet<(int, bool, bool)>();
            for (int i = 0; i < words.Count; i++)
            {
                ReadOnlySpan<char> word = words.Word(i);
                for (int from = 0, length; from < word.Length; from += length)
                {
                    Rune.DecodeFromUtf16(word[from..], out Rune rune, out length);
                    if (_known.Contains(rune.Value))
                        places.Add((rune.Value, from == 0, from + length == word.Length));
                }
            }

            foreach (string token in first ?? [])
                owner.IdOf(token);
            foreach ((int character, bool isFirst, bool isLast) in places.OrderBy(p => p.Item1).ThenByDescending(p => p.Item2).ThenBy(p => p.Item3))
            {
                string token = (isFirst ? "" : options.ContinuingPrefix) + char.ConvertFromUtf32(character) + (isLast ? options.EndOfWordSuffix : "");
                _ids[(character, isFirst, isLast)] = owner.IdOf(token);
            }
        }

        public int Find(int character, bool isFirst, bool isLast) => _ids.GetValueOrDefault((character, isFirst, isLast), -1);
    }
}
