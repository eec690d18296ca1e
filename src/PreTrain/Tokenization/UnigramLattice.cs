namespace PreTrain.Tokenization;

/// <summary>All ways to cut a piece into tokens: a node for each token at each place where it fits. It is used again for many pieces.</summary>
internal sealed class UnigramLattice
{
    private readonly List<(int Start, int End, int Id, double Score)> _nodes = [];
    private readonly List<int> _sameEnd = [];   // the node before that ends at the same place, or −1
    private int[] _lastAt = [];                 // the last node that ends at a place, or −1
    private int _length;

    /// <summary>The nodes in the order of their starts.</summary>
    public IReadOnlyList<(int Start, int End, int Id, double Score)> Nodes => _nodes;

    /// <summary>Empties it for a piece of some length.</summary>
    public void Begin(int length)
    {
        _nodes.Clear();
        _sameEnd.Clear();
        _length = length;
        if (_lastAt.Length <= length)
            _lastAt = new int[Math.Max(length + 1, 2 * _lastAt.Length)];
        _lastAt.AsSpan(0, length + 1).Fill(-1);
    }

    /// <summary>Adds a token; starts never go back.</summary>
    public void Add(int start, int end, int id, double score)
    {
        _sameEnd.Add(_lastAt[end]);
        _lastAt[end] = _nodes.Count;
        _nodes.Add((start, end, id, score));
    }

    /// <summary>Draws one way to cut, each with a chance that grows with its probability to the power of <paramref name="alpha"/> (forward filtering, backward sampling).</summary>
    /// <returns>Its nodes from the last to the first.</returns>
    public int[] Sample(double alpha, SampleStream random)
    {
        double[] sums = new double[_length + 1];   // logarithm of the weight of all ways up to a place
        for (int end = 1; end <= _length; end++)
        {
            double sum = double.NegativeInfinity;
            for (int node = _lastAt[end]; node >= 0; node = _sameEnd[node])
                sum = LogSum(sum, sums[_nodes[node].Start] + alpha * _nodes[node].Score);
            sums[end] = sum;
        }

        var path = new List<int>();
        for (int end = _length; end > 0; end = _nodes[path[^1]].Start)
        {
            double rest = random.NextDouble();
            int chosen = _lastAt[end];
            for (int node = chosen; node >= 0; node = _sameEnd[node])
            {
                double weight = sums[_nodes[node].Start] + alpha * _nodes[node].Score - sums[end];
                if (double.IsNegativeInfinity(weight) || double.IsNaN(weight))
                    continue;
                chosen = node;
                rest -= Math.Exp(weight);
                if (rest < 0)
                    break;
            }

            path.Add(chosen);
        }

        return [.. path];
    }

    /// <summary>Draws among the best ways to cut.</summary>
    /// <returns>The nodes of the one drawn, from the last to the first.</returns>
    public int[] SampleBest(int count, double alpha, SampleStream random)
    {
        List<(double Sum, int[] Nodes)> best = FindBest(count);
        double[] weights = [.. best.Select(way => Math.Exp(alpha * (way.Sum - best[0].Sum)))];
        double rest = random.NextDouble() * weights.Sum();
        int chosen = 0;
        while (chosen < weights.Length - 1 && (rest -= weights[chosen]) >= 0)
            chosen++;
        return best[chosen].Nodes;
    }

    /// <summary>The best ways to cut, the best first; among equals the one whose last token starts first.</summary>
    public List<(double Sum, int[] Nodes)> FindBest(int count)
    {
        var ways = new List<(double Sum, int Node, int Rank)>[_length + 1];   // the best that end at a place
        ways[0] = [(0, -1, 0)];
        for (int end = 1; end <= _length; end++)
        {
            var found = new List<(double Sum, int Node, int Rank)>();
            for (int node = _lastAt[end]; node >= 0; node = _sameEnd[node])
            {
                List<(double Sum, int Node, int Rank)> before = ways[_nodes[node].Start];
                for (int rank = 0; rank < before.Count; rank++)
                    found.Add((before[rank].Sum + _nodes[node].Score, node, rank));
            }

            found.Sort((a, b) => a.Sum != b.Sum ? b.Sum.CompareTo(a.Sum) : a.Node != b.Node ? a.Node.CompareTo(b.Node) : a.Rank.CompareTo(b.Rank));
            if (found.Count > count)
                found.RemoveRange(count, found.Count - count);
            ways[end] = found;
        }

        var best = new List<(double, int[])>();
        for (int i = 0; i < ways[_length].Count; i++)
        {
            var path = new List<int>();
            for (int end = _length, rank = i; end > 0;)
            {
                (_, int node, rank) = ways[end][rank];
                path.Add(node);
                end = _nodes[node].Start;
            }

            best.Add((ways[_length][i].Sum, [.. path]));
        }

        return best;
    }

    private static double LogSum(double a, double b)
    {
        if (double.IsNegativeInfinity(a))
            return b;
        (double low, double high) = a < b ? (a, b) : (b, a);
        return double.IsNegativeInfinity(low) ? high : high + Math.Log(1 + Math.Exp(low - high));
    }
}
