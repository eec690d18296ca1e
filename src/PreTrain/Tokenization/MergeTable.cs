using System.Numerics;

namespace PreTrain.Tokenization;

/// <summary>The merges of a vocabulary by their pair of ids: a flat hash table with open addressing, at most half full.</summary>
internal sealed class MergeTable
{
    /// <summary>The rank of a pair that is not merged; higher than any other.</summary>
    public const int None = int.MaxValue;

    private const ulong Empty = ulong.MaxValue;
    private readonly Slot[] _slots;
    private readonly int _shift;

    /// <param name="merges">The merges in the order of their rank; of two with the same pair the later counts.</param>
    public MergeTable(ReadOnlySpan<Merge> merges)
    {
        int size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, merges.Length * 2));
        _shift = 64 - BitOperations.Log2((uint)size);
        _slots = new Slot[size];
        Array.Fill(_slots, new Slot { Key = Empty });
        for (int rank = 0; rank < merges.Length; rank++)
        {
            ulong key = Key(merges[rank].Left, merges[rank].Right);
            int i = Home(key);
            while (_slots[i].Key != Empty && _slots[i].Key != key)
                i = (i + 1) & (size - 1);
            HasDuplicates |= _slots[i].Key == key;
            _slots[i] = new Slot { Key = key, Rank = rank, Id = merges[rank].Id };
        }
    }

    /// <summary>Whether two merges had the same pair.</summary>
    public bool HasDuplicates { get; }

    /// <summary>The rank of a pair, or <see cref="None"/>; and the id that replaces it.</summary>
    public int Find(int left, int right, out int id)
    {
        ulong key = Key(left, right);
        Slot[] slots = _slots;
        int i = Home(key);
        while (true)
        {
            ref readonly Slot slot = ref slots[i];
            if (slot.Key == key)
            {
                id = slot.Id;
                return slot.Rank;
            }

            if (slot.Key == Empty)
            {
                id = -1;
                return None;
            }

            i = (i + 1) & (slots.Length - 1);
        }
    }

    private static ulong Key(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    private int Home(ulong key) => (int)((key * 0x9E3779B97F4A7C15) >> _shift);

    private struct Slot
    {
        public ulong Key;
        public int Rank;
        public int Id;
    }
}
