using System.Buffers;
using System.Text;

namespace PreTrain.Tokenization;

/// <summary>
/// The unigram language model (Kudo 2018): a piece is cut into the tokens with the highest sum of scores. The sums, and what wins among equal
/// ones, are those of Hugging Face's tokenizers. Linear in the piece's length.
/// </summary>
internal sealed class UnigramModel : ISamplingTokenModel
{
    private const double UnknownPenalty = 10;
    private const int ShortLength = 128;   // bytes
    private readonly string[] _tokens;
    private readonly double[] _kept;     // the scores as they were given
    private readonly double[] _scores;   // and as they are added up
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly TokenTrie _trie;
    private readonly int[]? _fallbackIds;   // of the bytes
    private readonly double _unknownScore;

    /// <param name="pieces">The tokens in the order of their ids, with the logarithms of their probabilities. Of two equal ones the later counts.</param>
    /// <param name="unknownId">The token of characters that no other covers.</param>
    /// <param name="byteFallback">Whether such characters become the tokens of their bytes instead, <c>&lt;0x00&gt;</c> to <c>&lt;0xFF&gt;</c>.</param>
    /// <param name="isOfText">Whether the scores come from a <c>tokenizer.json</c> or go to one, which changes their last bit.</param>
    /// <exception cref="ArgumentException">There are no tokens, the id is not one of them, or a score is not a number.</exception>
    public UnigramModel(IReadOnlyList<(string Token, double Score)> pieces, int? unknownId, bool byteFallback = false, bool isOfText = false)
    {
        if (pieces.Count == 0)
            throw new ArgumentException("The vocabulary is empty; it needs the unknown token at least.", nameof(pieces));
        if (unknownId is { } unknown && (uint)unknown >= (uint)pieces.Count)
            throw new ArgumentException($"The unknown id ({unknown}) must be one of the {pieces.Count} tokens.", nameof(unknownId));
        _tokens = [.. pieces.Select(p => p.Token)];
        _kept = [.. pieces.Select(p => p.Score)];
        _scores = isOfText ? Array.ConvertAll(_kept, Json.ScoreText.Reread) : _kept;
        double lowest = double.PositiveInfinity;
        for (int id = 0; id < _tokens.Length; id++)
        {
            if (!double.IsFinite(_kept[id]))
                throw new ArgumentException($"The score of token {id}, '{_tokens[id]}', is {_kept[id]}; it must be a number.", nameof(pieces));
            _ids[_tokens[id]] = id;
            lowest = Math.Min(lowest, _scores[id]);
        }

        UnknownId = unknownId;
        ByteFallback = byteFallback;
        _unknownScore = lowest - UnknownPenalty;
        _trie = new TokenTrie(_ids);
        if (byteFallback)
            _fallbackIds = [.. Enumerable.Range(0, 256).Select(b => _ids.TryGetValue(BpeModel.FallbackToken((byte)b), out int id) ? id : -1)];
    }

    /// <summary>The tokens in the order of their ids, with their scores.</summary>
    public IReadOnlyList<(string Token, double Score)> Pieces => [.. _tokens.Zip(_kept)];

    /// <summary>The id of characters that no token covers.</summary>
    public int? UnknownId { get; }

    /// <summary>Whether such characters become the tokens of their bytes.</summary>
    public bool ByteFallback { get; }

    /// <inheritdoc/>
    public int Size => _tokens.Length;

    /// <inheritdoc/>
    public string? TokenOf(int id) => (uint)id < (uint)_tokens.Length ? _tokens[id] : null;

    /// <inheritdoc/>
    public int? IdOf(string token) => _ids.TryGetValue(token, out int id) ? id : null;

    /// <inheritdoc/>
    public void Encode(ReadOnlySpan<char> piece, TokenBuffer output)
    {
        if (piece.IsEmpty)
            return;
        if (piece.Length > WordCache.LongestWord)
        {
            EncodeWord(piece, output);
            return;
        }

        WordCache cache = output.CacheOf(this);
        if (cache.TryGet(piece, output))
            return;
        int before = output.Count;
        EncodeWord(piece, output);
        cache.Keep(piece, output, before);
    }

    /// <inheritdoc/>
    public void Sample(ReadOnlySpan<char> piece, TokenBuffer output, SubwordSamplingOptions options, SampleStream random)
    {
        if (piece.IsEmpty)
            return;
        byte[] bytes = Encoding.UTF8.GetBytes(piece.ToArray());
        var lattice = new UnigramLattice();
        Fill(lattice, bytes);
        int[] nodes = options.CandidateCount > 0
            ? lattice.SampleBest(options.CandidateCount, options.Alpha, random)
            : lattice.Sample(options.Alpha, random);
        int[] nexts = new int[bytes.Length + 1], ids = new int[bytes.Length + 1];
        foreach (int node in nodes)
        {
            (int start, int end, int id, _) = lattice.Nodes[node];
            (nexts[start], ids[end]) = (end, id);
        }

        Write(bytes, piece.Length, nexts, ids, output);
    }

    private void Fill(UnigramLattice lattice, ReadOnlySpan<byte> bytes)
    {
        lattice.Begin(bytes.Length);
        for (int start = 0, width; start < bytes.Length; start += width)
        {
            width = WidthOf(bytes[start]);
            bool isCovered = false;
            int node = TokenTrie.Root;
            for (int i = start; i < bytes.Length && (node = _trie.Next(node, bytes[i])) >= 0; i++)
            {
                if (_trie.IdAt(node) is var id and >= 0)
                {
                    lattice.Add(start, i + 1, id, _scores[id]);
                    isCovered |= i + 1 == start + width;
                }
            }

            if (!isCovered)
                lattice.Add(start, start + width, UnknownId ?? throw NoUnknown(), _unknownScore);
        }
    }

    private void EncodeWord(ReadOnlySpan<char> word, TokenBuffer output)
    {
        if (word.Length * 3 < ShortLength)
        {
            Span<byte> bytes = stackalloc byte[ShortLength];
            Span<double> sums = stackalloc double[ShortLength];
            Span<int> froms = stackalloc int[ShortLength];
            Span<int> ids = stackalloc int[ShortLength];
            int n = Encoding.UTF8.GetBytes(word, bytes);
            FindBest(bytes[..n], sums, froms, ids);
            Write(bytes[..n], word.Length, froms, ids, output);
            return;
        }

        int size = Encoding.UTF8.GetByteCount(word) + 1;
        byte[] allBytes = ArrayPool<byte>.Shared.Rent(size);
        double[] allSums = ArrayPool<double>.Shared.Rent(size);
        int[] all = ArrayPool<int>.Shared.Rent(checked(2 * size));
        int count = Encoding.UTF8.GetBytes(word, allBytes);
        FindBest(allBytes.AsSpan(0, count), allSums, all.AsSpan(0, size), all.AsSpan(size, size));
        Write(allBytes.AsSpan(0, count), word.Length, all.AsSpan(0, size), all.AsSpan(size, size), output);
        ArrayPool<byte>.Shared.Return(allBytes);
        ArrayPool<double>.Shared.Return(allSums);
        ArrayPool<int>.Shared.Return(all);
    }

    /// <summary>Finds the best way to cut (Viterbi), and leaves at each place of it where the next one is.</summary>
    private void FindBest(ReadOnlySpan<byte> bytes, Span<double> sums, Span<int> froms, Span<int> ids)
    {
        int n = bytes.Length;
        froms[..(n + 1)].Fill(-1);   // nothing ends there so far
        sums[0] = 0;
        TokenTrie trie = _trie;
        double[] scores = _scores;
        for (int start = 0, width; start < n; start += width)
        {
            double before = sums[start];
            width = WidthOf(bytes[start]);
            bool isCovered = false;
            int node = TokenTrie.Root;
            for (int i = start; i < n && (node = trie.Next(node, bytes[i])) >= 0; i++)
            {
                int id = trie.IdAt(node);
                if (id < 0)
                    continue;
                int end = i + 1;
                double sum = scores[id] + before;
                if (froms[end] < 0 || sum > sums[end])
                    (sums[end], froms[end], ids[end]) = (sum, start, id);
                isCovered |= end == start + width;
            }

            if (!isCovered)
            {
                int end = start + width;
                double sum = _unknownScore + before;
                if (froms[end] < 0 || sum > sums[end])
                    (sums[end], froms[end], ids[end]) = (sum, start, UnknownId ?? throw NoUnknown());
            }
        }

        // Turned round: what came before becomes what comes next.
        for (int end = n, next = n; end > 0;)
        {
            int start = froms[end];
            froms[end] = next;
            (next, end) = (end, start);
            if (start == 0)
                froms[0] = next;
        }
    }

    /// <summary>Writes the tokens of a way to cut. Unknown ones in a row are one.</summary>
    private void Write(ReadOnlySpan<byte> bytes, int length, ReadOnlySpan<int> nexts, ReadOnlySpan<int> ids, TokenBuffer output)
    {
        var places = new PlaceReader(bytes, length);
        for (int start = 0, end; start < bytes.Length; start = end)
        {
            end = nexts[start];
            int id = ids[end];
            if (id != UnknownId)
            {
                output.Add(id, places.StartOf(start), places.EndOf(end));
                continue;
            }

            while (end < bytes.Length && ids[nexts[end]] == UnknownId)
                end = nexts[end];
            WriteUnknown(bytes[start..end], places.StartOf(start), places.EndOf(end), output);
        }
    }

    private void WriteUnknown(ReadOnlySpan<byte> bytes, int start, int end, TokenBuffer output)
    {
        // What is unknown part by part may yet be a token as a whole.
        int node = _trie.Find(bytes);
        if (node >= 0 && _trie.IdAt(node) is var id and >= 0)
        {
            output.Add(id, start, end);
            return;
        }

        bool hasAll = _fallbackIds is not null;
        for (int i = 0; i < bytes.Length && hasAll; i++)
            hasAll = _fallbackIds![bytes[i]] >= 0;
        if (!hasAll)
        {
            output.Add(UnknownId!.Value, start, end);
            return;
        }

        foreach (byte b in bytes)
            output.Add(_fallbackIds![b], start, end);
    }

    private static int WidthOf(byte lead) => lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;

    private static InvalidOperationException NoUnknown() => new("A character is not in the vocabulary, which has no unknown token; give it one.");
}
