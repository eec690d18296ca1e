using System.Numerics;

namespace PreTrain.Data;

/// <summary>
/// A pseudo-random permutation of 0 … <see cref="Count"/> − 1 that takes no memory: every value is computed when it is asked for, so that billions of
/// items can be shuffled and any position can be jumped to.
/// </summary>
/// <remarks>
/// A balanced Feistel network (Luby and Rackoff, "How to construct pseudorandom permutations from pseudorandom functions", 1988) permutes the
/// smallest even power of two that holds <see cref="Count"/>; values outside are walked on until they fall inside (Black and Rogaway, "Ciphers
/// with arbitrary finite domains", 2002). At most four steps are expected. It is not cryptography.
/// </remarks>
public readonly struct IndexPermutation
{
    private const int Rounds = 8;

    private readonly ulong key;
    private readonly int halfBits;

    /// <summary>Creates the permutation that belongs to a key.</summary>
    /// <param name="count">The number of items, at least 1 and at most 2^62.</param>
    /// <param name="key">Chooses the permutation; the same key gives the same one.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is out of range.</exception>
    public IndexPermutation(long count, ulong key)
    {
        if (count is < 1 or > 1L << 62)
            throw new ArgumentOutOfRangeException(nameof(count), count, $"count ({count}) must be from 1 to 2^62; pass the number of items to permute.");
        Count = count;
        this.key = key;
        halfBits = Math.Max(1, (64 - BitOperations.LeadingZeroCount((ulong)count - 1) + 1) / 2);
    }

    /// <summary>The number of items.</summary>
    public long Count { get; }

    /// <summary>The item at a position.</summary>
    /// <param name="position">The position, from 0 to <see cref="Count"/> − 1.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="position"/> is out of range.</exception>
    public long this[long position]
    {
        get
        {
            if ((ulong)position >= (ulong)Count)
            {
                throw new ArgumentOutOfRangeException(nameof(position), position,
                    $"position ({position}) must be at least 0 and less than Count ({Count}).");
            }
            var value = (ulong)position;
            do
                value = Encipher(value);
            while (value >= (ulong)Count);
            return (long)value;
        }
    }

    private ulong Encipher(ulong value)
    {
        var mask = (1UL << halfBits) - 1;
        var left = value >> halfBits;
        var right = value & mask;
        for (var round = 0; round < Rounds; round++)
            (left, right) = (right, left ^ (SplitMix.Mix(SplitMix.Mix(key + (ulong)round) ^ right) & mask));
        return (left << halfBits) | right;
    }
}
