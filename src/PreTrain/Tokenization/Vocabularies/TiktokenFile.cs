using System.Buffers.Text;
using System.Globalization;
using System.Text;
using PreTrain.Tokenization.Json;

namespace PreTrain.Tokenization.Vocabularies;

/// <summary>
/// Reads tiktoken's rank files: on each line the bytes of a token in base64, a blank, and its rank, which is its id too. Two tokens become one
/// when what they spell together is a token, the one of the lowest rank first; so each way to cut a token in two is a merge of its rank. A
/// token is made in one of them only, whatever stands around it, so that their order among each other does not matter.
/// </summary>
internal static class TiktokenFile
{
    /// <exception cref="TokenizerException">The file cannot be read, or a line is not what it must be.</exception>
    public static BpeModel Read(string path)
    {
        ReadOnlySpan<byte> rest = TokenizerFile.ReadAll(path);
        var ranks = new Dictionary<string, int>(StringComparer.Ordinal);   // the tokens as GPT-2's alphabet spells them
        var tokens = new Dictionary<int, int>();                           // the lines of the ranks
        for (int number = 1; rest.Length > 0; number++)
        {
            int end = rest.IndexOf((byte)'\n');
            ReadOnlySpan<byte> line = (end < 0 ? rest : rest[..end]).TrimEnd("\r "u8);
            rest = end < 0 ? [] : rest[(end + 1)..];
            if (line.IsEmpty)
                continue;
            int blank = line.IndexOf((byte)' ');
            if (blank < 0 || !int.TryParse(line[(blank + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out int rank) || rank > TokenizerFile.LargestId)
                throw new TokenizerException(path, number, null, $"A line is a token in base64, one blank and a rank from 0 to {TokenizerFile.LargestId}, but this one is '{Encoding.UTF8.GetString(line)}'.");
            byte[] bytes = new byte[Base64.GetMaxDecodedFromUtf8Length(blank)];
            if (Base64.DecodeFromUtf8(line[..blank], bytes, out int read, out int count) != System.Buffers.OperationStatus.Done || read != blank || count == 0)
                throw new TokenizerException(path, number, 1, $"'{Encoding.UTF8.GetString(line[..blank])}' is not a token in base64.");
            if (!ranks.TryAdd(ByteAlphabet.Spell(bytes.AsSpan(0, count)), rank))
                throw new TokenizerException(path, number, null, $"The token '{Encoding.UTF8.GetString(line[..blank])}' has the rank {ranks[ByteAlphabet.Spell(bytes.AsSpan(0, count))]} already; each must be there once.");
            if (!tokens.TryAdd(rank, number))
                throw new TokenizerException(path, number, null, $"The rank {rank} is that of line {tokens[rank]} already; ranks must be different.");
        }

        if (ranks.Count == 0)
            throw new TokenizerException(path, "The file is empty; it must hold tokens with their ranks.");
        for (int b = 0; b < 256; b++)
        {
            if (!ranks.ContainsKey(ByteAlphabet.Spell([(byte)b])))
                throw new TokenizerException(path, $"The token of the byte 0x{b:X2} is missing; all 256 must be there.");
        }

        return new BpeModel(new TokenVocabulary(ranks), Merges(ranks, ranks), new BpeSettings { ByteLevel = true, IgnoreMerges = true });
    }

    /// <summary>All ways to cut tokens in two, in the order of the whole ones' ranks.</summary>
    /// <param name="ids">The tokens that may be parts.</param>
    /// <param name="ranks">The tokens that may be wholes.</param>
    internal static List<Merge> Merges(Dictionary<string, int> ids, IEnumerable<KeyValuePair<string, int>> ranks)
    {
        Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> lookup = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        var merges = new List<(int Rank, Merge Merge)>();
        foreach ((string token, int rank) in ranks)
        {
            for (int i = 1; i < token.Length; i++)
            {
                if (lookup.TryGetValue(token.AsSpan(0, i), out int left) && lookup.TryGetValue(token.AsSpan(i), out int right))
                    merges.Add((rank, new Merge(left, right, ids[token])));
            }
        }

        return [.. merges.OrderBy(m => m.Rank).ThenBy(m => m.Merge.Left).ThenBy(m => m.Merge.Right).Select(m => m.Merge)];
    }
}
