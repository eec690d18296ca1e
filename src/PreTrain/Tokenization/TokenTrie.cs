using System.Runtime.CompilerServices;
using System.Text;

namespace PreTrain.Tokenization;

/// <summary>
/// Tokens by their UTF-8 bytes, for finding all that begin at a place: a double array (Aoe 1989), in which the step to a child is one
/// exclusive or and one comparison. Immutable.
/// </summary>
internal sealed class TokenTrie
{
    /// <summary>The node of no bytes at all.</summary>
    public const int Root = 0;

    private const int Block = 256;
    private const int Free = -2;
    private const int MostTries = 96;   // for a node of several children, before a fresh block is opened

    private Unit[] _units = [];
    private int _used;   // of the units

    /// <param name="tokens">The tokens with their ids. Of two equal ones the later counts; ids are not negative.</param>
    public TokenTrie(IEnumerable<KeyValuePair<string, int>> tokens)
    {
        (byte[] Bytes, int Id)[] keys = [.. tokens.Select(entry => (Encoding.UTF8.GetBytes(entry.Key), entry.Value))];
        int[] order = [.. Enumerable.Range(0, keys.Length)];
        Array.Sort(order, (a, b) => keys[a].Bytes.AsSpan().SequenceCompareTo(keys[b].Bytes) is var c and not 0 ? c : a.CompareTo(b));
        Build([.. order.Select(i => keys[i])]);
    }

    /// <summary>The number of nodes that the array has room for.</summary>
    public int Capacity => _units.Length;

    /// <summary>The child of a node; −1 if there is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Next(int node, byte label)
    {
        Unit[] units = _units;
        int child = units[node].Base ^ label;
        return units[child].Parent == node ? child : -1;
    }

    /// <summary>The id of the token that ends at a node; −1 if none does.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int IdAt(int node) => _units[node].Id;

    /// <summary>The node of some bytes; −1 if no token begins with them.</summary>
    public int Find(ReadOnlySpan<byte> bytes)
    {
        int node = Root;
        for (int i = 0; i < bytes.Length && node >= 0; i++)
            node = Next(node, bytes[i]);
        return node;
    }

    private void Build((byte[] Bytes, int Id)[] keys)
    {
        // Free units form a ring by Base (next) and Id (previous), in the order of their index.
        int head = -1;
        Open(ref head);
        Take(Root, -1, ref head);
        var todo = new Stack<(int Node, int From, int To, int Depth)>();
        todo.Push((Root, 0, keys.Length, 0));
        Span<byte> labels = stackalloc byte[256];
        int[] bounds = new int[257];
        while (todo.TryPop(out (int Node, int From, int To, int Depth) top))
        {
            int from = top.From;
            while (from < top.To && keys[from].Bytes.Length == top.Depth)
                _units[top.Node].Id = keys[from++].Id;
            int count = 0;
            for (int i = from; i < top.To; i++)
            {
                byte label = keys[i].Bytes[top.Depth];
                if (count == 0 || labels[count - 1] != label)
                {
                    bounds[count] = i;
                    labels[count++] = label;
                }
            }

            if (count == 0)
                continue;
            bounds[count] = top.To;
            int start = FindBase(labels[..count], ref head);
            _units[top.Node].Base = start;
            for (int i = 0; i < count; i++)
                Take(start ^ labels[i], top.Node, ref head);
            for (int i = count - 1; i >= 0; i--)
                todo.Push((start ^ labels[i], bounds[i], bounds[i + 1], top.Depth + 1));
        }

        Array.Resize(ref _units, _used);
        foreach (ref Unit unit in _units.AsSpan())
        {
            if (unit.Parent == Free)
                unit = new Unit { Parent = Free, Id = -1 };
        }
    }

    private int FindBase(ReadOnlySpan<byte> labels, ref int head)
    {
        if (head >= 0)
        {
            int at = head;
            for (int tries = 0; tries < MostTries; tries++)
            {
                int start = at ^ labels[0];
                int i = 1;
                while (i < labels.Length && _units[start ^ labels[i]].Parent == Free)
                    i++;
                if (i == labels.Length)
                    return start;
                at = _units[at].Base;
                if (at == head)
                    break;
            }
        }

        int fresh = _used;
        Open(ref head);
        return fresh;   // whatever the labels, they fit into an empty block
    }

    /// <summary>Adds a block of free units at the end of the ring.</summary>
    private void Open(ref int head)
    {
        if (_used + Block > _units.Length)
            Array.Resize(ref _units, Math.Max(4 * Block, _units.Length * 2));
        int first = _used, last = _used + Block - 1;
        _used += Block;
        for (int i = first; i <= last; i++)
            _units[i] = new Unit { Base = i + 1, Id = i - 1, Parent = Free };
        if (head < 0)
            head = first;
        int tail = head == first ? last : _units[head].Id;
        (_units[last].Base, _units[first].Id) = (head, tail);
        (_units[tail].Base, _units[head].Id) = (first, last);
    }

    /// <summary>Takes a free unit out of the ring.</summary>
    private void Take(int unit, int parent, ref int head)
    {
        (int next, int previous) = (_units[unit].Base, _units[unit].Id);
        _units[previous].Base = next;
        _units[next].Id = previous;
        if (head == unit)
            head = next == unit ? -1 : next;
        _units[unit] = new Unit { Parent = parent, Id = -1 };
    }

    private struct Unit
    {
        public int Base;
        public int Parent;
        public int Id;
    }
}
