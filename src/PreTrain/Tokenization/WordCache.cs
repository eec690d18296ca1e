using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace PreTrain.Tokenization;

/// <summary>
/// The tokens of words that a model has met, for one thread: a table of one cache line per word of up to 16 characters and six tokens. It
/// starts small and grows with the words that it misses; a word takes the place of another that falls on the same line.
/// </summary>
internal sealed class WordCache(ITokenModel owner)
{
    /// <summary>The length of the longest word that is kept, in UTF-16 code units.</summary>
    public const int LongestWord = 16;

    private const int MostTokens = 6;
    private const int FirstBits = 8;
    private const int LastBits = 15;
    private Entry[] _entries = new Entry[1 << FirstBits];
    private int _bits = FirstBits;
    private int _kept;

    /// <summary>The model whose tokens these are.</summary>
    public ITokenModel Owner { get; } = owner;

    /// <summary>Appends the tokens of a word of at most <see cref="LongestWord"/> characters, if it is known.</summary>
    public bool TryGet(ReadOnlySpan<char> word, TokenBuffer output)
    {
        Vector256<ushort> key = Key(word);
        ref Entry entry = ref _entries[Slot(key, word.Length)];
        if (entry.Length != word.Length || entry.Key != key)
            return false;
        for (int i = 0; i < entry.Count; i++)
        {
            int place = entry.Places[i];
            output.Add(entry.Ids[i], place >> 4, (place & 15) + 1);
        }

        return true;
    }

    /// <summary>Keeps the tokens of a word, which are the last of a buffer.</summary>
    public void Keep(ReadOnlySpan<char> word, TokenBuffer tokens, int first)
    {
        int count = tokens.Count - first;
        if (count > MostTokens)
            return;
        foreach (int end in tokens.Ends[first..])
        {
            if (end < 1)
                return;   // a token that touches no character has no place here
        }

        if (++_kept > _entries.Length && _bits < LastBits)
        {
            _bits += 2 + (LastBits - _bits) % 2;
            _entries = new Entry[1 << _bits];
            _kept = 0;
        }

        Vector256<ushort> key = Key(word);
        ref Entry entry = ref _entries[Slot(key, word.Length)];
        entry.Key = key;
        entry.Length = (byte)word.Length;
        entry.Count = (byte)count;
        for (int i = 0; i < count; i++)
        {
            entry.Ids[i] = tokens.Ids[first + i];
            entry.Places[i] = (byte)((tokens.Starts[first + i] << 4) | (tokens.Ends[first + i] - 1));
        }
    }

    // Words of one length differ in these; the two halves of a longer one may overlap.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ushort> Key(ReadOnlySpan<char> word)
    {
        ref ushort first = ref Unsafe.As<char, ushort>(ref MemoryMarshal.GetReference(word));
        int length = word.Length;
        if (length >= 8)
            return Vector256.Create(Vector128.LoadUnsafe(ref first), Vector128.LoadUnsafe(ref first, (nuint)(length - 8)));
        if (length >= 4)
        {
            ulong head = Unsafe.ReadUnaligned<ulong>(ref Unsafe.As<ushort, byte>(ref first));
            ulong tail = Unsafe.ReadUnaligned<ulong>(ref Unsafe.As<ushort, byte>(ref Unsafe.Add(ref first, length - 4)));
            return Vector256.Create(head, tail, 0, 0).AsUInt16();
        }

        ulong packed = 0;
        foreach (char c in word)
            packed = (packed << 16) | c;
        return Vector256.Create(packed, 0, 0, 0).AsUInt16();
    }

    private int Slot(Vector256<ushort> key, int length)
    {
        Vector256<ulong> k = key.AsUInt64();
        ulong h = (k[0] + (ulong)length) * 0x9E3779B97F4A7C15 ^ k[1] * 0xC2B2AE3D27D4EB4F ^ k[2] * 0x165667B19E3779F9 ^ k[3] * 0xD6E8FEB86659FD93;
        h ^= h >> 32;
        return (int)((h * 0x9E3779B97F4A7C15) >> (64 - _bits));
    }

    [InlineArray(MostTokens)]
    private struct SixIds
    {
        private int _first;
    }

    [InlineArray(MostTokens)]
    private struct SixPlaces
    {
        private byte _first;
    }

    private struct Entry
    {
        public Vector256<ushort> Key;
        public SixIds Ids;
        public SixPlaces Places;   // the start, and the end less one
        public byte Length;        // 0: free
        public byte Count;
    }
}
