using System.Numerics;

namespace PreTrain.Data;

/// <summary>Sets of shingles and their signatures.</summary>
/// <remarks>
/// The least value of a random hash function over two sets is the same with the probability of their Jaccard similarity (Broder, "On the resemblance and
/// containment of documents", 1997, section 3). The functions are multiplications modulo 2^32 of shingles that are well mixed already.
/// </remarks>
internal sealed class MinHash
{
    private readonly uint[] multipliers, summands;
    private readonly int shingleWords;

    public MinHash(int hashes, int shingleWords, ulong seed)
    {
        this.shingleWords = shingleWords;
        multipliers = new uint[hashes];
        summands = new uint[hashes];
        for (var i = 0; i < hashes; i++)
        {
            var random = SplitMix.Mix(seed, (ulong)i, 1);
            (multipliers[i], summands[i]) = ((uint)random | 1, (uint)(random >> 32));
        }
    }

    /// <summary>The distinct shingles, ascending. Words are runs of letters and digits, whatever their case.</summary>
    public uint[] Shingles(ReadOnlySpan<char> text)
    {
        var words = new List<ulong>(text.Length / 5);
        var hash = 0UL;
        foreach (var c in text)
        {
            if (char.IsLetterOrDigit(c) || char.IsSurrogate(c))
                hash = (hash == 0 ? 0xCBF29CE484222325 : hash ^ (hash >> 29)) * 0x100000001B3 + char.ToLowerInvariant(c) * 0x9E3779B97F4A7C15;
            else if (hash != 0)
            {
                words.Add(hash);
                hash = 0;
            }
        }
        if (hash != 0)
            words.Add(hash);
        if (words.Count == 0)
            return [];
        var width = Math.Min(shingleWords, words.Count);
        var shingles = new uint[words.Count - width + 1];
        for (var i = 0; i < shingles.Length; i++)
        {
            var mixed = 0UL;
            for (var k = 0; k < width; k++)
                mixed = (BitOperations.RotateLeft(mixed, 23) ^ words[i + k]) * 0x9E3779B97F4A7C15;
            shingles[i] = (uint)(SplitMix.Mix(mixed) >> 32);
        }
        Array.Sort(shingles);
        var distinct = 1;
        for (var i = 1; i < shingles.Length; i++)
        {
            if (shingles[i] != shingles[distinct - 1])
                shingles[distinct++] = shingles[i];
        }
        Array.Resize(ref shingles, distinct);
        return shingles;
    }

    public uint[] Signature(ReadOnlySpan<uint> shingles)
    {
        var signature = new uint[multipliers.Length];
        var width = Vector<uint>.Count;
        var h = 0;
        // Two vectors of functions at a time stay in registers while all shingles pass.
        for (; h + 2 * width <= signature.Length; h += 2 * width)
        {
            Vector<uint> a0 = new(multipliers, h), b0 = new(summands, h), least0 = new(uint.MaxValue);
            Vector<uint> a1 = new(multipliers, h + width), b1 = new(summands, h + width), least1 = new(uint.MaxValue);
            foreach (var shingle in shingles)
            {
                var x = new Vector<uint>(shingle);
                least0 = Vector.Min(least0, x * a0 + b0);
                least1 = Vector.Min(least1, x * a1 + b1);
            }
            least0.CopyTo(signature, h);
            least1.CopyTo(signature, h + width);
        }
        for (; h < signature.Length; h++)
        {
            var least = uint.MaxValue;
            foreach (var shingle in shingles)
                least = Math.Min(least, shingle * multipliers[h] + summands[h]);
            signature[h] = least;
        }
        return signature;
    }

    /// <summary>|A ∩ B| / |A ∪ B| of two ascending sets.</summary>
    public static double Jaccard(ReadOnlySpan<uint> a, ReadOnlySpan<uint> b)
    {
        int i = 0, j = 0, common = 0;
        while (i < a.Length && j < b.Length)
        {
            uint x = a[i], y = b[j];
            common += x == y ? 1 : 0;
            i += x <= y ? 1 : 0;
            j += y <= x ? 1 : 0;
        }
        var union = a.Length + b.Length - common;
        return union == 0 ? 1 : (double)common / union;
    }

    /// <summary>
    /// How a signature is cut into bands: the most rows with which a pair right at the threshold still shares a band with 99 %. A pair of similarity s shares
    /// one with probability 1 − (1 − s^rows)^bands.
    /// </summary>
    public static (int Bands, int Rows) Bands(int hashes, double threshold)
    {
        var rows = 1;
        while (rows < hashes && Math.Pow(1 - Math.Pow(threshold, rows + 1), hashes / (rows + 1)) <= 0.01)
            rows++;
        return (hashes / rows, rows);
    }

    public static ulong BandKey(ReadOnlySpan<uint> rows)
    {
        var key = 0UL;
        foreach (var row in rows)
            key = SplitMix.Mix(key ^ row);
        return key;
    }
}
