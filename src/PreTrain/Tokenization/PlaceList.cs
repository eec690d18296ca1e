namespace PreTrain.Tokenization;

/// <summary>A growing list of places; plainer than <see cref="List{T}"/>, since there are as many of them as pairs.</summary>
internal sealed class PlaceList
{
    private int[] _items = new int[4];
    private int _count;

    public void Add(int place)
    {
        if (_count == _items.Length)
            Array.Resize(ref _items, checked(_count * 2));
        _items[_count++] = place;
    }

    public ReadOnlySpan<int> AsSpan() => _items.AsSpan(0, _count);
}
