namespace PreTrain.Tokenization;

/// <summary>The pairs that can be merged: a 4-ary heap with the highest count on top and, among equals, the smallest ids.</summary>
internal sealed class MergeQueue
{
    private Item[] _items = new Item[1 << 10];
    private int _count;

    public void Push(Item item)
    {
        if (_count == _items.Length)
            Array.Resize(ref _items, checked(_count * 2));
        int i = _count++;
        while (i > 0)
        {
            int parent = (i - 1) / 4;
            if (!item.IsBefore(_items[parent]))
                break;
            _items[i] = _items[parent];
            i = parent;
        }

        _items[i] = item;
    }

    public bool TryPop(out Item top)
    {
        if (_count == 0)
        {
            top = default;
            return false;
        }

        top = _items[0];
        Item last = _items[--_count];
        _items[_count] = default;
        int i = 0;
        while (true)
        {
            int child = 4 * i + 1;
            if (child >= _count)
                break;
            int best = child;
            for (int k = child + 1; k < Math.Min(child + 4, _count); k++)
            {
                if (_items[k].IsBefore(_items[best]))
                    best = k;
            }

            if (!_items[best].IsBefore(last))
                break;
            _items[i] = _items[best];
            i = best;
        }

        if (_count > 0)
            _items[i] = last;
        return true;
    }

    /// <summary>A pair that can be merged.</summary>
    /// <param name="Count">How often it occurred when it was queued; later merges may have taken some.</param>
    /// <param name="Key">Its two ids.</param>
    /// <param name="Pair">Its index in the pair table.</param>
    /// <param name="Places">Where it arose.</param>
    public readonly record struct Item(long Count, ulong Key, int Pair, PlaceList Places)
    {
        public bool IsBefore(in Item other) =>
            Count != other.Count ? Count > other.Count : Key < other.Key;
    }
}
