using System.Numerics;
using System.Runtime.InteropServices;

namespace PreTrain.Tokenization;

/// <summary>Counts the different words of texts: a flat hash table, with the words' characters side by side in large blocks.</summary>
internal sealed class WordCounter
{
    private const int BlockLength = 1 << 18;
    private readonly List<char[]> _blocks = [];
    private Entry[] _entries = new Entry[1 << 12];
    private int[] _slots = new int[1 << 13];   // index of the entry plus one
    private int _used = BlockLength;           // of the last block

    /// <summary>The number of different words.</summary>
    public int Count { get; private set; }

    /// <summary>The number of characters in different words.</summary>
    public long TotalLength { get; private set; }

    /// <summary>About how much memory the words take.</summary>
    public long Bytes => Count * BytesOf(0) + TotalLength * sizeof(char);

    /// <summary>About how much memory a word of some length takes: its entry, its slots, its characters.</summary>
    public static long BytesOf(int length) => 56 + length * (long)sizeof(char);

    /// <summary>Adds what another counter has counted.</summary>
    public void AddAll(WordCounter other)
    {
        for (int i = 0; i < other.Count; i++)
            Add(other.Word(i), other._entries[i].Count);
    }

    /// <summary>Forgets all words, and the memory of theirs.</summary>
    public void Clear()
    {
        _blocks.Clear();
        _entries = new Entry[1 << 12];
        _slots = new int[1 << 13];
        _used = BlockLength;
        (Count, TotalLength) = (0, 0);
    }

    /// <summary>The word with this index.</summary>
    public ReadOnlySpan<char> Word(int index)
    {
        ref readonly Entry entry = ref _entries[index];
        return _blocks[entry.Block].AsSpan(entry.Offset, entry.Length);
    }

    /// <summary>How often it occurred.</summary>
    public long CountOf(int index) => _entries[index].Count;

    /// <summary>Counts a word so many times more.</summary>
    public void Add(ReadOnlySpan<char> word, long count)
    {
        uint hash = Hash(word);
        int mask = _slots.Length - 1;
        int slot = (int)hash & mask;
        while (_slots[slot] != 0)
        {
            ref Entry entry = ref _entries[_slots[slot] - 1];
            if (entry.Hash == hash && entry.Length == word.Length && word.SequenceEqual(_blocks[entry.Block].AsSpan(entry.Offset, entry.Length)))
            {
                entry.Count += count;
                return;
            }

            slot = (slot + 1) & mask;
        }

        if (Count == _entries.Length)
            Array.Resize(ref _entries, checked(Count * 2));
        if (_used + word.Length > BlockLength)
        {
            _blocks.Add(new char[Math.Max(BlockLength, word.Length)]);
            _used = 0;
        }

        word.CopyTo(_blocks[^1].AsSpan(_used));
        _entries[Count] = new Entry { Count = count, Hash = hash, Block = _blocks.Count - 1, Offset = _used, Length = word.Length };
        _used += word.Length;
        TotalLength += word.Length;
        _slots[slot] = ++Count;
        if (Count * 2L > _slots.Length)
            Grow();
    }

    private void Grow()
    {
        _slots = new int[checked(_slots.Length * 2)];
        int mask = _slots.Length - 1;
        for (int i = 0; i < Count; i++)
        {
            int slot = (int)_entries[i].Hash & mask;
            while (_slots[slot] != 0)
                slot = (slot + 1) & mask;
            _slots[slot] = i + 1;
        }
    }

    private static uint Hash(ReadOnlySpan<char> word)
    {
        ulong h = (ulong)word.Length * 0x9E3779B97F4A7C15;
        ReadOnlySpan<ulong> fours = MemoryMarshal.Cast<char, ulong>(word);
        foreach (ulong four in fours)
            h = (BitOperations.RotateLeft(h, 29) ^ four) * 0xC2B2AE3D27D4EB4F;
        foreach (char c in word[(fours.Length * 4)..])
            h = (BitOperations.RotateLeft(h, 29) ^ c) * 0x9E3779B97F4A7C15;
        h ^= h >> 32;
        return (uint)((h * 0xD6E8FEB86659FD93) >> 32);
    }

    private struct Entry
    {
        public long Count;
        public uint Hash;
        public int Block;
        public int Offset;
        public int Length;
    }
}
