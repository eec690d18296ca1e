using System.Text;

namespace PreTrain.Tokenization;

/// <summary>The pieces that the training of a unigram model still considers, with their scores, and what words make of them.</summary>
internal sealed class UnigramCandidates
{
    private const double UnknownPenalty = 10;
    private readonly TokenTrie _trie;
    private readonly byte[][] _bytes;
    private double _unknownScore;

    public UnigramCandidates(IReadOnlyList<(string Piece, double Score)> pieces)
    {
        Pieces = [.. pieces.Select(p => p.Piece)];
        Scores = [.. pieces.Select(p => p.Score)];
        Count = Pieces.Length;
        _bytes = [.. Pieces.Select(Encoding.UTF8.GetBytes)];
        _trie = new TokenTrie(Pieces.Select((piece, i) => KeyValuePair.Create(piece, i)));
        SetUnknownScore();
    }

    /// <summary>The pieces.</summary>
    public string[] Pieces { get; }

    /// <summary>What stands for an unknown character: one more than the last piece.</summary>
    public int Unknown => Pieces.Length;

    /// <summary>Their scores; what is not a number belongs to a piece that was dropped.</summary>
    public double[] Scores { get; }

    /// <summary>How many were not dropped.</summary>
    public int Count { get; private set; }

    /// <summary>The lowest score.</summary>
    public double LowestScore => _unknownScore + UnknownPenalty;

    /// <summary>The pieces that were not dropped, in order.</summary>
    public IEnumerable<int> Alive => Enumerable.Range(0, Scores.Length).Where(i => !double.IsNaN(Scores[i]));

    /// <summary>Takes new scores from how often each piece is expected to occur, and drops the rare ones (the M step, with a sparse prior).</summary>
    public void Estimate(double[] expected)
    {
        const double Rare = 0.5;
        double sum = 0;
        Count = 0;
        for (int i = 0; i < Scores.Length; i++)
        {
            if (double.IsNaN(Scores[i]) || expected[i] < Rare)
            {
                Scores[i] = double.NaN;
                continue;
            }

            sum += expected[i];
            Count++;
        }

        double logSum = Digamma(sum);
        for (int i = 0; i < Scores.Length; i++)
        {
            if (!double.IsNaN(Scores[i]))
                Scores[i] = Digamma(expected[i]) - logSum;
        }

        SetUnknownScore();
    }

    /// <summary>Adds how often each piece is expected to occur in a word (the E step), and returns the logarithm of the word's probability.</summary>
    public double AddExpected(ReadOnlySpan<byte> word, double count, double[] expected, Lattice lattice)
    {
        Fill(word, lattice);
        int n = word.Length;
        Span<double> forward = lattice.Forward.AsSpan(0, n + 1);
        Span<double> backward = lattice.Backward.AsSpan(0, n + 1);
        forward.Fill(double.NaN);
        backward.Fill(double.NaN);
        forward[0] = backward[n] = 0;
        ReadOnlySpan<Node> nodes = lattice.Nodes.AsSpan(0, lattice.Count);
        foreach (ref readonly Node node in nodes)
            forward[node.End] = LogSum(forward[node.End], node.Score + forward[node.Start]);
        for (int last = nodes.Length; last > 0;)
        {
            int first = last - 1;
            while (first > 0 && nodes[first - 1].Start == nodes[first].Start)
                first--;
            foreach (ref readonly Node node in nodes[first..last])
                backward[node.Start] = LogSum(backward[node.Start], node.Score + backward[node.End]);
            last = first;
        }

        double z = forward[n];
        foreach (ref readonly Node node in nodes)
            expected[node.Piece] += count * Math.Exp(forward[node.Start] + node.Score + backward[node.End] - z);

        return z;
    }

    /// <summary>Adds how often each piece occurs in the best way to cut a word.</summary>
    public void AddBest(ReadOnlySpan<byte> word, double count, double[] frequencies, Lattice lattice)
    {
        Fill(word, lattice);
        // Each node chooses by the sum with itself, in which close ones may be equal: then the first is taken.
        Span<double> sums = lattice.Sums.AsSpan(0, lattice.Count);
        Span<int> before = lattice.Before.AsSpan(0, lattice.Count);
        Span<int> sameEnd = lattice.SameEnd.AsSpan(0, lattice.Count);
        Span<int> lastAt = lattice.LastAt.AsSpan(0, word.Length + 1);
        lastAt.Fill(-1);
        for (int i = 0; i < lattice.Count; i++)
        {
            ref readonly Node node = ref lattice.Nodes[i];
            (before[i], sums[i]) = Best(node.Start, node.Score, lastAt, sameEnd, sums);
            (sameEnd[i], lastAt[node.End]) = (lastAt[node.End], i);
        }

        for ((int i, _) = Best(word.Length, 0, lastAt, sameEnd, sums); i >= 0; i = before[i])
            frequencies[lattice.Nodes[i].Piece] += count;

        static (int Node, double Sum) Best(int end, double score, ReadOnlySpan<int> lastAt, ReadOnlySpan<int> sameEnd, ReadOnlySpan<double> sums)
        {
            (int Node, double Sum) best = (-1, score);
            for (int node = lastAt[end]; node >= 0; node = sameEnd[node])
            {
                if (best.Node < 0 || sums[node] + score >= best.Sum)
                    best = (node, sums[node] + score);
            }

            return best;
        }
    }

    /// <summary>How a piece would be cut without it.</summary>
    /// <param name="piece">The piece.</param>
    /// <param name="lattice">Room to work in.</param>
    /// <param name="alternative">The pieces of the second best way to cut it if the best one is the piece itself; else nothing.</param>
    /// <returns>Whether the best way to cut it is the piece itself.</returns>
    public bool FindAlternative(int piece, Lattice lattice, out int[] alternative)
    {
        byte[] bytes = _bytes[piece];
        Fill(bytes, lattice);
        lattice.Ways.FindTwo(lattice.Nodes.AsSpan(0, lattice.Count), bytes.Length, lattice.First, lattice.Second);
        alternative = [];
        if (lattice.Second.Count == 0)
            return true;   // there is no other way
        if (lattice.First.Count > 1)
            return false;
        alternative = [.. lattice.Second.Select(node => lattice.Nodes[node].Piece)];
        return true;
    }

    private void SetUnknownScore()
    {
        double lowest = double.PositiveInfinity;
        foreach (double score in Scores)
        {
            if (score < lowest)
                lowest = score;
        }

        _unknownScore = lowest - UnknownPenalty;
    }

    private void Fill(ReadOnlySpan<byte> word, Lattice lattice)
    {
        lattice.Begin(word.Length);
        for (int start = 0, width; start < word.Length; start += width)
        {
            byte lead = word[start];
            width = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
            bool isCovered = false;
            int node = TokenTrie.Root;
            for (int i = start; i < word.Length && (node = _trie.Next(node, word[i])) >= 0; i++)
            {
                if (_trie.IdAt(node) is var piece and >= 0 && !double.IsNaN(Scores[piece]))
                {
                    lattice.Add(start, i + 1, piece, Scores[piece]);
                    isCovered |= i + 1 == start + width;
                }
            }

            if (!isCovered)
                lattice.Add(start, start + width, Unknown, _unknownScore);
        }
    }

    private static double LogSum(double x, double y)
    {
        if (double.IsNaN(x))
            return y;   // the first
        (double low, double high) = x > y ? (y, x) : (x, y);
        return high > low + 50 ? high : high + Math.Log(Math.Exp(low - high) + 1);
    }

    private static double Digamma(double x)
    {
        double result = 0;
        for (; x < 7; x++)
            result -= 1 / x;
        x -= 1.0 / 2;
        double x2 = 1 / x * (1 / x), x4 = x2 * x2;
        return result + (Math.Log(x) + 1.0 / 24 * x2 - 7.0 / 960 * x4 + 31.0 / 8064 * x4 * x2 - 127.0 / 30720 * x4 * x4);
    }

    /// <summary>A piece at a place in a word.</summary>
    public readonly record struct Node(int Start, int End, int Piece, double Score);

    /// <summary>Room for all pieces at all places of a word. One thread works in it at a time.</summary>
    public sealed class Lattice
    {
        public Node[] Nodes { get; private set; } = new Node[64];

        public int Count { get; private set; }

        public double[] Forward { get; private set; } = [];

        public double[] Backward { get; private set; } = [];

        public int[] LastAt { get; private set; } = [];

        public double[] Sums { get; private set; } = new double[64];

        public int[] Before { get; private set; } = new int[64];

        public int[] SameEnd { get; private set; } = new int[64];

        public UnigramWays Ways { get; } = new();

        public List<int> First { get; } = [];

        public List<int> Second { get; } = [];

        public void Begin(int length)
        {
            Count = 0;
            if (LastAt.Length > length)
                return;
            int size = Math.Max(length + 1, 2 * LastAt.Length);
            (Forward, Backward, LastAt) = (new double[size], new double[size], new int[size]);
        }

        public void Add(int start, int end, int piece, double score)
        {
            if (Count == Nodes.Length)
            {
                Node[] more = Nodes;
                Array.Resize(ref more, 2 * Count);
                Nodes = more;
                (Sums, Before, SameEnd) = (new double[2 * Count], new int[2 * Count], new int[2 * Count]);
            }

            Nodes[Count++] = new Node(start, end, piece, score);
        }
    }
}
