using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Text;
using PreTrain.Tokenization.Patterns;

namespace PreTrain.Tokenization;

/// <summary>
/// Encodes words with a byte-level vocabulary, on one thread at a time. Frequent words come from bounded caches: one of a cache line per
/// word for those of up to 16 characters, one for those of up to 64. The others are merged: by scanning for the lowest rank where the
/// word is short, with a heap (n log n) where it is long.
/// </summary>
internal sealed class BytePairEncoder(BytePairModel model)
{
    private const int CacheBits = 15;
    private const int CachedLength = 16;   // characters: what one 256-bit vector holds
    private const int CachedIds = 7;
    private const int LongCacheBits = 13;
    private const int LongLength = 64;     // characters
    private const int LongIds = 24;
    private const int ShortLength = SymbolMerger.ScanLength;   // bytes
    private const int FlushAt = 4096;

    private static readonly ushort[] s_masks = [.. Enumerable.Repeat(ushort.MaxValue, CachedLength), .. Enumerable.Repeat((ushort)0, CachedLength)];

    private readonly CacheEntry[] _cache = new CacheEntry[1 << CacheBits];
    private readonly int[] _output = new int[FlushAt + LongIds];
    private LongEntry[]? _longCache;   // made when the first long word comes
    private int _count;
    private List<int>? _ids;
    private long _total;

    /// <summary>Begins an encoding: ids are appended to <paramref name="ids"/>, or only counted if it is <see langword="null"/>.</summary>
    public void Begin(List<int>? ids) => (_ids, _count, _total) = (ids, 0, 0);

    /// <summary>Ends it, and returns the number of ids.</summary>
    public long End()
    {
        Flush();
        _ids = null;
        return _total;
    }

    /// <summary>Adds an id as it is.</summary>
    public void Add(int id)
    {
        if (_count >= FlushAt)
            Flush();
        _output[_count++] = id;
    }

    /// <summary>Hands what was encoded so far to the list.</summary>
    public void Flush()
    {
        _total += _count;
        _ids?.AddRange(_output.AsSpan(0, _count));
        _count = 0;
    }

    /// <summary>Encodes a text, word for word.</summary>
    public void EncodeText<TScanner>(ReadOnlySpan<char> text) where TScanner : struct, IWordScanner
    {
        for (int start = 0, end; start < text.Length; start = end)
        {
            end = TScanner.EndOfWord(text, start);
            EncodeWord(text, start, end);
        }
    }

    /// <summary>Encodes one word.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void EncodeWord(ReadOnlySpan<char> text, int start, int end)
    {
        int length = end - start;
        if (length > CachedLength)
        {
            EncodeLongWord(text[start..end]);
            return;
        }

        Vector256<ushort> key = LoadKey(text, start, length);
        ref CacheEntry entry = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_cache), Slot(key, length));
        if (entry.Length != length || entry.Key != key)
        {
            ref CacheEntry second = ref Neighbour(ref entry);
            if (second.Length != length || second.Key != key)
            {
                EncodeAndKeep(text[start..end], key);
                return;
            }

            entry = ref second;
        }

        if (_count >= FlushAt)
            Flush();
        // All seven slots are copied whatever their number: that is cheaper than a loop.
        Unsafe.As<int, CachedWord>(ref _output[_count]) = entry.Ids;
        _count += entry.Count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ushort> LoadKey(ReadOnlySpan<char> text, int start, int length)
    {
        ref ushort first = ref Unsafe.As<char, ushort>(ref MemoryMarshal.GetReference(text));
        if (start + CachedLength <= text.Length)
        {
            Vector256<ushort> mask = Vector256.LoadUnsafe(ref MemoryMarshal.GetArrayDataReference(s_masks), (nuint)(CachedLength - length));
            return Vector256.LoadUnsafe(ref first, (nuint)start) & mask;
        }

        Span<ushort> padded = stackalloc ushort[CachedLength];
        padded.Clear();
        MemoryMarshal.Cast<char, ushort>(text.Slice(start, length)).CopyTo(padded);
        return Vector256.Create((ReadOnlySpan<ushort>)padded);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Slot(Vector256<ushort> key, int length)
    {
        Vector256<ulong> k = key.AsUInt64();
        ulong h = (k[0] + (ulong)length) * 0x9E3779B97F4A7C15 ^ k[1] * 0xC2B2AE3D27D4EB4F ^ k[2] * 0x165667B19E3779F9 ^ k[3] * 0xD6E8FEB86659FD93;
        h ^= h >> 32;
        return (int)((h * 0x9E3779B97F4A7C15) >> (64 - CacheBits));
    }

    private ref CacheEntry Neighbour(ref CacheEntry entry)
    {
        ref CacheEntry first = ref MemoryMarshal.GetArrayDataReference(_cache);
        int index = (int)(Unsafe.ByteOffset(ref first, ref entry) / Unsafe.SizeOf<CacheEntry>());
        return ref Unsafe.Add(ref first, index ^ 1);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void EncodeAndKeep(ReadOnlySpan<char> word, Vector256<ushort> key)
    {
        if (_count >= FlushAt - 3 * CachedLength)
            Flush();   // so that the ids of a short word lie together
        int before = _count;
        MergeWord(word);
        int produced = _count - before;
        if (produced is 0 or > CachedIds)
            return;
        ref CacheEntry entry = ref _cache[Slot(key, word.Length)];
        Neighbour(ref entry) = entry;   // the older of the two goes
        entry = default;
        entry.Key = key;
        entry.Length = (byte)word.Length;
        entry.Count = (byte)produced;
        _output.AsSpan(before, produced).CopyTo(entry.Ids);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void EncodeLongWord(ReadOnlySpan<char> word)
    {
        if (word.Length > LongLength)
        {
            MergeWord(word);
            return;
        }

        ulong h = (ulong)word.Length;
        ReadOnlySpan<ulong> fours = MemoryMarshal.Cast<char, ulong>(word);
        foreach (ulong four in fours)
            h = (BitOperations.RotateLeft(h, 29) ^ four) * 0xC2B2AE3D27D4EB4F;
        foreach (char c in word[(fours.Length * 4)..])
            h = (BitOperations.RotateLeft(h, 29) ^ c) * 0x9E3779B97F4A7C15;
        h ^= h >> 32;
        _longCache ??= new LongEntry[1 << LongCacheBits];
        ref LongEntry entry = ref _longCache[(int)((h * 0x9E3779B97F4A7C15) >> (64 - LongCacheBits))];
        if (_count >= FlushAt - 3 * LongLength)
            Flush();   // so that the ids of the word lie together
        if (entry.Length == word.Length && word.SequenceEqual(((ReadOnlySpan<char>)entry.Key)[..word.Length]))
        {
            ((ReadOnlySpan<int>)entry.Ids)[..entry.Count].CopyTo(_output.AsSpan(_count));
            _count += entry.Count;
            return;
        }

        int before = _count;
        MergeWord(word);
        int produced = _count - before;
        if (produced > LongIds)
            return;
        word.CopyTo(entry.Key);
        _output.AsSpan(before, produced).CopyTo(entry.Ids);
        entry.Length = word.Length;
        entry.Count = produced;
    }

    /// <summary>Encodes a word of any length without the caches.</summary>
    public void MergeWord(ReadOnlySpan<char> word)
    {
        if (model.Model.Settings.IgnoreMerges && model.Model.TryFindWhole(word, out int whole))
        {
            Add(whole);
            return;
        }

        if (word.Length * 3 <= ShortLength)
        {
            Span<byte> bytes = stackalloc byte[ShortLength];
            MergeShort(bytes[..Encoding.UTF8.GetBytes(word, bytes)]);
            return;
        }

        byte[] rented = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetByteCount(word));
        ReadOnlySpan<byte> all = rented.AsSpan(0, Encoding.UTF8.GetBytes(word, rented));
        if (all.Length <= ShortLength)
        {
            MergeShort(all);
        }
        else
        {
            int[] symbols = ArrayPool<int>.Shared.Rent(all.Length);
            Merge(all, symbols);
            ArrayPool<int>.Shared.Return(symbols);
        }

        ArrayPool<byte>.Shared.Return(rented);
    }

    private void MergeShort(ReadOnlySpan<byte> bytes)
    {
        Span<int> symbols = stackalloc int[ShortLength];
        Merge(bytes, symbols);
    }

    private void Merge(ReadOnlySpan<byte> bytes, Span<int> symbols)
    {
        for (int i = 0; i < bytes.Length; i++)
            symbols[i] = model.ByteIds[bytes[i]];
        int count = SymbolMerger.Merge(model.Model.Merges, symbols[..bytes.Length], []);
        foreach (int symbol in symbols[..count])
            Add(symbol);
    }

    [InlineArray(CachedIds)]
    private struct CachedWord
    {
        private int _first;
    }

    private struct CacheEntry
    {
        public Vector256<ushort> Key;
        public CachedWord Ids;
        public byte Length;   // 0: free
        public byte Count;
    }

    [InlineArray(LongLength)]
    private struct LongKey
    {
        private char _first;
    }

    [InlineArray(LongIds)]
    private struct LongWord
    {
        private int _first;
    }

    private struct LongEntry
    {
        public int Length;   // 0: free
        public int Count;
        public LongKey Key;
        public LongWord Ids;
    }
}
