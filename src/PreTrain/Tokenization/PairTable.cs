namespace PreTrain.Tokenization;

/// <summary>The pairs that a training has seen, with their counts and the places where they arose since these were last taken.</summary>
internal sealed class PairTable
{
    private readonly List<int> _new = [];    // pairs with places that nobody has taken yet
    private int[] _slots = new int[1 << 12]; // index of the pair plus one
    private Pair[] _pairs = new Pair[1 << 11];
    private int _count;

    /// <summary>The two ids of a key, which orders pairs by the left and then by the right one.</summary>
    public static (int Left, int Right) Ids(ulong key) => ((int)(key >> 32), (int)(uint)key);

    public ulong KeyOf(int pair) => _pairs[pair].Key;

    public long CountOf(int pair) => _pairs[pair].Count;

    /// <summary>Counts a pair that arose at a place.</summary>
    public void Add(int left, int right, long count, int place)
    {
        int index = IndexOf(left, right);
        ref Pair pair = ref _pairs[index];
        pair.Count += count;
        if (pair.NewPlaces is null)
        {
            pair.NewPlaces = new PlaceList();
            _new.Add(index);
        }

        pair.NewPlaces.Add(place);
    }

    /// <summary>Counts that a pair vanished.</summary>
    public void Remove(int left, int right, long count) => _pairs[IndexOf(left, right)].Count -= count;

    /// <summary>Takes the places that arose since the last call.</summary>
    public void TakeNewPlaces(Action<int, long, PlaceList> take)
    {
        foreach (int index in _new)
        {
            PlaceList places = _pairs[index].NewPlaces!;
            _pairs[index].NewPlaces = null;
            take(index, _pairs[index].Count, places);
        }

        _new.Clear();
    }

    private int IndexOf(int left, int right)
    {
        ulong key = ((ulong)(uint)left << 32) | (uint)right;
        int mask = _slots.Length - 1;
        int slot = Home(key) & mask;
        while (_slots[slot] != 0)
        {
            int index = _slots[slot] - 1;
            if (_pairs[index].Key == key)
                return index;
            slot = (slot + 1) & mask;
        }

        if (_count == _pairs.Length)
        {
            Array.Resize(ref _pairs, checked(_count * 2));
            Rehash();
            return IndexOf(left, right);
        }

        _pairs[_count] = new Pair { Key = key };
        _slots[slot] = _count + 1;
        return _count++;
    }

    private void Rehash()
    {
        _slots = new int[checked(_pairs.Length * 2)];
        int mask = _slots.Length - 1;
        for (int i = 0; i < _count; i++)
        {
            int slot = Home(_pairs[i].Key) & mask;
            while (_slots[slot] != 0)
                slot = (slot + 1) & mask;
            _slots[slot] = i + 1;
        }
    }

    private static int Home(ulong key) => (int)((key * 0x9E3779B97F4A7C15) >> 33);

    private struct Pair
    {
        public ulong Key;
        public long Count;
        public PlaceList? NewPlaces;
    }
}
