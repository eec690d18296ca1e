using System.Buffers;

namespace PreTrain.Tokenization;

/// <summary>A binary min-heap of numbers in rented memory.</summary>
internal struct PriorityHeap(int capacity)
{
    private ulong[] _items = ArrayPool<ulong>.Shared.Rent(capacity);
    private int _count;

    /// <summary>Adds a number.</summary>
    public void Push(ulong item)
    {
        if (_count == _items.Length)
        {
            ulong[] larger = ArrayPool<ulong>.Shared.Rent(checked(_count * 2));
            _items.AsSpan(0, _count).CopyTo(larger);
            ArrayPool<ulong>.Shared.Return(_items);
            _items = larger;
        }

        int i = _count++;
        while (i > 0 && _items[(i - 1) / 2] > item)
        {
            _items[i] = _items[(i - 1) / 2];
            i = (i - 1) / 2;
        }

        _items[i] = item;
    }

    /// <summary>Takes the smallest number.</summary>
    public bool TryPop(out ulong top)
    {
        if (_count == 0)
        {
            top = 0;
            return false;
        }

        top = _items[0];
        ulong last = _items[--_count];
        int i = 0;
        while (true)
        {
            int child = 2 * i + 1;
            if (child >= _count)
                break;
            if (child + 1 < _count && _items[child + 1] < _items[child])
                child++;
            if (_items[child] >= last)
                break;
            _items[i] = _items[child];
            i = child;
        }

        _items[i] = last;
        return true;
    }

    /// <summary>Gives the memory back.</summary>
    public readonly void Dispose() => ArrayPool<ulong>.Shared.Return(_items);
}
