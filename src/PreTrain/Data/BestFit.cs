using System.Numerics;

namespace PreTrain.Data;

/// <summary>Lays pieces into contexts of one length: longest first, each where the least room is left that holds it (best-fit decreasing: Ding et al. 2024, section 3).</summary>
internal static class BestFit
{
    /// <summary>Places pieces.</summary>
    /// <param name="lengths">Of the pieces; none is longer than a context.</param>
    /// <param name="contextLength">The length of a context.</param>
    /// <param name="seed">Decides in which order pieces of one length come.</param>
    /// <returns>Of each piece its context, and of each context the room that is left.</returns>
    public static (List<int> ContextOf, List<int> Room) Place(IReadOnlyList<int> lengths, int contextLength, ulong seed)
    {
        var contextOf = new List<int>(Enumerable.Repeat(-1, lengths.Count));
        var room = new List<int>();
        var byRoom = new Stack<int>?[contextLength + 1];
        var occupied = new ulong[contextLength / 64 + 1];
        foreach (var piece in LongestFirst(lengths, contextLength, seed))
        {
            var found = FindRoom(occupied, lengths[piece]);
            int context;
            if (found < 0)
            {
                context = room.Count;
                room.Add(contextLength);
            }
            else
            {
                context = byRoom[found]!.Pop();
                if (byRoom[found]!.Count == 0)
                    occupied[found / 64] &= ~(1UL << (found % 64));
            }
            contextOf[piece] = context;
            var left = room[context] -= lengths[piece];
            if (left == 0)
                continue;
            (byRoom[left] ??= new Stack<int>()).Push(context);
            occupied[left / 64] |= 1UL << (left % 64);
        }
        return (contextOf, room);
    }

    // By length, and for one length in the order of the seed.
    private static int[] LongestFirst(IReadOnlyList<int> lengths, int contextLength, ulong seed)
    {
        var first = new int[contextLength + 2];
        foreach (var length in lengths)
            first[contextLength - length + 1]++;
        for (var i = 0; i <= contextLength; i++)
            first[i + 1] += first[i];
        var order = new IndexPermutation(lengths.Count, SplitMix.Mix(seed, 0, 3));
        var sorted = new int[lengths.Count];
        for (var i = 0; i < lengths.Count; i++)
        {
            var piece = (int)order[i];
            sorted[first[contextLength - lengths[piece]]++] = piece;
        }
        return sorted;
    }

    private static int FindRoom(ulong[] occupied, int least)
    {
        var word = least / 64;
        var bits = occupied[word] & (ulong.MaxValue << (least % 64));
        while (bits == 0)
        {
            if (++word == occupied.Length)
                return -1;
            bits = occupied[word];
        }
        return word * 64 + BitOperations.TrailingZeroCount(bits);
    }
}
