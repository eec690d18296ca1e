namespace PreTrain.Tokenization;

/// <summary>
/// The two best ways to cut a piece (A* from its end). Which of equally good ones is found first is decided by the order within the heap, so
/// this is the heap of the reference: with four children each, where of equals the newer one rises and the first child goes up. Used by one
/// thread at a time.
/// </summary>
internal sealed class UnigramWays
{
    private readonly List<Way> _ways = [];
    private readonly List<int> _heap = [];   // indices of ways
    private double[] _best = [];             // the highest sum up to each place
    private int[] _lastAt = [];              // the last node that ends at a place, or −1
    private int[] _sameEnd = [];             // the node before it there

    /// <summary>Finds the two best ways.</summary>
    /// <param name="nodes">All pieces at all places, in the order of their starts.</param>
    /// <param name="length">The length of what is cut.</param>
    /// <param name="first">The nodes of the best way.</param>
    /// <param name="second">Those of the second best one; empty if there is none.</param>
    public void FindTwo(ReadOnlySpan<UnigramCandidates.Node> nodes, int length, List<int> first, List<int> second)
    {
        first.Clear();
        second.Clear();
        Link(nodes, length);
        _ways.Clear();
        _heap.Clear();
        Push(new Way(-1, length, -1, 0, 0));
        Span<int> here = stackalloc int[64];
        while (_heap.Count > 0)
        {
            int top = Pop();
            Way way = _ways[top];
            if (way.Start < 0)
            {
                List<int> found = first.Count == 0 ? first : second;
                for (int i = way.Next; _ways[i].Node >= 0; i = _ways[i].Next)
                    found.Add(_ways[i].Node);
                if (found == second)
                    return;
                continue;
            }

            if (way.Start == 0)
            {
                Push(new Way(-1, -1, top, way.Sum, way.Sum));
                continue;
            }

            int count = 0;
            for (int node = _lastAt[way.Start]; node >= 0; node = _sameEnd[node])
            {
                if (count == here.Length)
                    here = (int[])[.. here, .. new int[here.Length]];
                here[count++] = node;
            }

            while (count > 0)
            {
                int node = here[--count];
                Push(new Way(node, nodes[node].Start, top, nodes[node].Score + way.Sum, _best[nodes[node].Start] + nodes[node].Score + way.Sum));
            }
        }
    }

    private void Link(ReadOnlySpan<UnigramCandidates.Node> nodes, int length)
    {
        if (_best.Length <= length)
            (_best, _lastAt) = (new double[2 * length + 16], new int[2 * length + 16]);
        if (_sameEnd.Length < nodes.Length)
            _sameEnd = new int[2 * nodes.Length];
        _lastAt.AsSpan(0, length + 1).Fill(-1);
        _best[0] = 0;
        for (int i = 0; i < nodes.Length; i++)
        {
            ref readonly UnigramCandidates.Node node = ref nodes[i];
            double sum = _best[node.Start] + node.Score;
            if (_lastAt[node.End] < 0 || sum > _best[node.End])
                _best[node.End] = sum;
            (_sameEnd[i], _lastAt[node.End]) = (_lastAt[node.End], i);
        }
    }

    private void Push(Way way)
    {
        _ways.Add(way);
        _heap.Add(_ways.Count - 1);
        Rise(_heap.Count - 1);
    }

    private int Pop()
    {
        int item = _heap[^1];
        _heap.RemoveAt(_heap.Count - 1);
        if (_heap.Count == 0)
            return item;
        int top = _heap[0];
        // All the way down, and up again from there.
        int at = 0, end = _heap.Count, child = 1;
        while (child + 3 < end)
        {
            int left = Larger(child, child + 1), right = Larger(child + 2, child + 3);
            child = Larger(left, right);
            _heap[at] = _heap[child];
            at = child;
            child = 4 * at + 1;
        }

        if (child < end)
        {
            int best = child;
            for (int other = child + 1; other < end; other++)
                best = Larger(best, other);
            _heap[at] = _heap[best];
            at = best;
        }

        _heap[at] = item;
        Rise(at);
        return top;
    }

    private void Rise(int at)
    {
        int item = _heap[at];
        while (at > 0)
        {
            int parent = (at - 1) / 4;
            if (_ways[item].Estimate < _ways[_heap[parent]].Estimate)
                break;
            _heap[at] = _heap[parent];
            at = parent;
        }

        _heap[at] = item;
    }

    private int Larger(int a, int b) => _ways[_heap[a]].Estimate < _ways[_heap[b]].Estimate ? b : a;

    /// <summary>A way to cut the end of a piece.</summary>
    /// <param name="Node">Its first node; −1 at the piece's end and before its beginning.</param>
    /// <param name="Start">Where that starts; −1 before the beginning.</param>
    /// <param name="Next">The way to cut what follows.</param>
    /// <param name="Sum">The sum of its scores.</param>
    /// <param name="Estimate">The highest sum of a way to cut the whole piece that ends so.</param>
    private readonly record struct Way(int Node, int Start, int Next, double Sum, double Estimate);
}
