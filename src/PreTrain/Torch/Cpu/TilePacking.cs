// X rows or columns of a matrix, K the axis that is summed over
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace PreTrain.Torch.Cpu;

/// <summary>
/// Copies 16-bit matrices into tiles of the matrix unit. A tile is 16 × 16 lanes of 32 bits, each with two neighbours along K: one side of a product wants K along the tile's rows,
/// the other across them.
/// </summary>
internal static unsafe class TilePacking
{
    /// <summary>Elements of K in a tile.</summary>
    internal const int Depth = 32;

    /// <summary>Places of X in a tile.</summary>
    internal const int Lanes = 16;

    /// <summary>Fills one tile with 16 of X by 32 of K. What lies outside the matrix is zero.</summary>
    /// <param name="source">The first element of the tile in the matrix.</param>
    /// <param name="rowBytes">The distance of two of the matrix' rows.</param>
    /// <param name="isInnerContiguous">Whether K lies along the matrix' rows, and X across them; else the other way round.</param>
    /// <param name="outer">How many of X there are.</param>
    /// <param name="inner">How many of K there are.</param>
    /// <param name="isInnerAlong">Whether K is to lie along the tile's rows, as on a product's left side.</param>
    /// <param name="tile">1 KiB.</param>
    [MethodImpl(ParallelLoop.Hot)]
    internal static void Pack(byte* source, long rowBytes, bool isInnerContiguous, long outer, long inner, bool isInnerAlong, byte* tile)
    {
        if (outer >= Lanes && inner >= Depth)
        {
            Whole(source, rowBytes, isInnerContiguous, isInnerAlong, tile);
            return;
        }
        // The part that is there, in a matrix of its own.
        ushort* part = stackalloc ushort[Lanes * Depth];
        new Span<ushort>(part, Lanes * Depth).Clear();
        var (rows, columns, width) = isInnerContiguous ? (outer, inner, Depth) : (inner, outer, Lanes);
        rows = columns > 0 ? Math.Min(rows, isInnerContiguous ? Lanes : Depth) : 0;
        columns = Math.Min(columns, width);
        for (long r = 0; r < rows; r++) new ReadOnlySpan<ushort>(source + r * rowBytes, (int)columns).CopyTo(new Span<ushort>(part + r * width, (int)columns));
        Whole((byte*)part, width * sizeof(ushort), isInnerContiguous, isInnerAlong, tile);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Whole(byte* source, long rowBytes, bool isInnerContiguous, bool isInnerAlong, byte* tile)
    {
        if (isInnerContiguous && isInnerAlong)
        {
            for (int r = 0; r < Lanes; r++) Vector512.Load(source + r * rowBytes).Store(tile + r * MatrixUnit.RowBytes);
        }
        else if (isInnerContiguous)
        {
            Transpose(
                Row(source, rowBytes, 0), Row(source, rowBytes, 1), Row(source, rowBytes, 2), Row(source, rowBytes, 3), Row(source, rowBytes, 4), Row(source, rowBytes, 5),
                Row(source, rowBytes, 6), Row(source, rowBytes, 7), Row(source, rowBytes, 8), Row(source, rowBytes, 9), Row(source, rowBytes, 10), Row(source, rowBytes, 11),
                Row(source, rowBytes, 12), Row(source, rowBytes, 13), Row(source, rowBytes, 14), Row(source, rowBytes, 15), (int*)tile);
        }
        else if (isInnerAlong)
        {
            Transpose(
                Pair(source, rowBytes, 0), Pair(source, rowBytes, 1), Pair(source, rowBytes, 2), Pair(source, rowBytes, 3), Pair(source, rowBytes, 4), Pair(source, rowBytes, 5),
                Pair(source, rowBytes, 6), Pair(source, rowBytes, 7), Pair(source, rowBytes, 8), Pair(source, rowBytes, 9), Pair(source, rowBytes, 10), Pair(source, rowBytes, 11),
                Pair(source, rowBytes, 12), Pair(source, rowBytes, 13), Pair(source, rowBytes, 14), Pair(source, rowBytes, 15), (int*)tile);
        }
        else
        {
            for (int r = 0; r < Lanes; r++) Pair(source, rowBytes, r).Store((int*)(tile + r * MatrixUnit.RowBytes));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Row(byte* source, long rowBytes, int row) => Vector512.Load((int*)(source + row * rowBytes));

    /// <summary>Two rows, element by element side by side.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Pair(byte* source, long rowBytes, int pair)
    {
        byte* first = source + 2 * pair * rowBytes;
        return Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)first)) | Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)(first + rowBytes))) << 16;
    }

    /// <summary>16 × 16 lanes, in four rounds of which each doubles the distance over which lanes are exchanged.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(
        Vector512<int> a, Vector512<int> b, Vector512<int> c, Vector512<int> d, Vector512<int> e, Vector512<int> f, Vector512<int> g, Vector512<int> h,
        Vector512<int> i, Vector512<int> j, Vector512<int> k, Vector512<int> l, Vector512<int> m, Vector512<int> n, Vector512<int> o, Vector512<int> p, int* to)
    {
        Quarter(ref a, ref b, ref c, ref d);
        Quarter(ref e, ref f, ref g, ref h);
        Quarter(ref i, ref j, ref k, ref l);
        Quarter(ref m, ref n, ref o, ref p);
        Spread(a, e, i, m, to);
        Spread(b, f, j, n, to + 16);
        Spread(c, g, k, o, to + 32);
        Spread(d, h, l, p, to + 48);
    }

    /// <summary>Transposes the 4 × 4 lanes in each quarter of four vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quarter(ref Vector512<int> a, ref Vector512<int> b, ref Vector512<int> c, ref Vector512<int> d)
    {
        Vector512<long> low = Avx512F.UnpackLow(a, b).AsInt64(), high = Avx512F.UnpackHigh(a, b).AsInt64();
        Vector512<long> low2 = Avx512F.UnpackLow(c, d).AsInt64(), high2 = Avx512F.UnpackHigh(c, d).AsInt64();
        a = Avx512F.UnpackLow(low, low2).AsInt32();
        b = Avx512F.UnpackHigh(low, low2).AsInt32();
        c = Avx512F.UnpackLow(high, high2).AsInt32();
        d = Avx512F.UnpackHigh(high, high2).AsInt32();
    }

    /// <summary>The first quarters of four vectors make a row, the second ones the fourth row after it, and so on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Spread(Vector512<int> a, Vector512<int> e, Vector512<int> i, Vector512<int> m, int* to)
    {
        Vector512<int> even = Avx512F.Shuffle4x128(a, e, 0x88), odd = Avx512F.Shuffle4x128(a, e, 0xDD);
        Vector512<int> even2 = Avx512F.Shuffle4x128(i, m, 0x88), odd2 = Avx512F.Shuffle4x128(i, m, 0xDD);
        Avx512F.Shuffle4x128(even, even2, 0x88).Store(to);
        Avx512F.Shuffle4x128(odd, odd2, 0x88).Store(to + 64);
        Avx512F.Shuffle4x128(even, even2, 0xDD).Store(to + 128);
        Avx512F.Shuffle4x128(odd, odd2, 0xDD).Store(to + 192);
    }
}
