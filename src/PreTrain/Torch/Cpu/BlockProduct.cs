// M rows, N columns, K the inner axis
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace PreTrain.Torch.Cpu;

/// <summary>
/// Products of small 32-bit matrices on one thread, for kernels that work on blocks which fit a core's caches. The left side may have any
/// strides, so that its transpose costs nothing; the right side's rows are contiguous.
/// </summary>
internal static unsafe class BlockProduct
{
    /// <summary>C = A·B, or C += A·B.</summary>
    /// <param name="rows">M.</param>
    /// <param name="columns">N, a multiple of 16.</param>
    /// <param name="inner">K.</param>
    /// <param name="a">(M, K).</param>
    /// <param name="aRow">The distance of two rows of A.</param>
    /// <param name="aColumn">The distance of two columns of A.</param>
    /// <param name="b">(K, N).</param>
    /// <param name="bRow">The distance of two rows of B.</param>
    /// <param name="c">(M, N).</param>
    /// <param name="cRow">The distance of two rows of C.</param>
    /// <param name="add">Whether to add to what C holds.</param>
    [MethodImpl(ParallelLoop.Hot)]
    internal static void Multiply(long rows, long columns, long inner, float* a, long aRow, long aColumn, float* b, long bRow, float* c, long cRow, bool add)
    {
        // Registers of 256 bits are too few for the sums of the wide tiles.
        long wide = Vector512.IsHardwareAccelerated ? columns / 64 * 64 : 0, high = rows / 4 * 4;
        for (long j = 0; j < wide; j += 64)
        {
            for (long i = 0; i < high; i += 4) Tile4X64(inner, a + i * aRow, aRow, aColumn, b + j, bRow, c + i * cRow + j, cRow, add);
            for (long i = high; i < rows; i++) Tile1X64(inner, a + i * aRow, aColumn, b + j, bRow, c + i * cRow + j, add);
        }
        for (long j = wide; j < columns; j += 16)
        {
            for (long i = 0; i < high; i += 4) Tile4X16(inner, a + i * aRow, aRow, aColumn, b + j, bRow, c + i * cRow + j, cRow, add);
            for (long i = high; i < rows; i++) Tile1X16(inner, a + i * aRow, aColumn, b + j, bRow, c + i * cRow + j, add);
        }
    }

    /// <summary>Aᵀ of (M, N): both multiples of 4.</summary>
    /// <param name="rows">M.</param>
    /// <param name="columns">N.</param>
    /// <param name="a">(M, N).</param>
    /// <param name="aRow">The distance of two rows of A.</param>
    /// <param name="t">(N, M).</param>
    /// <param name="tRow">The distance of two rows of the transpose.</param>
    [MethodImpl(ParallelLoop.Hot)]
    internal static void Transpose(long rows, long columns, float* a, long aRow, float* t, long tRow)
    {
        for (long i = 0; i < rows; i += 4)
        {
            for (long j = 0; j < columns; j += 4)
            {
                float* from = a + i * aRow + j, to = t + j * tRow + i;
                Vector128<float> r0 = Vector128.Load(from), r1 = Vector128.Load(from + aRow), r2 = Vector128.Load(from + 2 * aRow), r3 = Vector128.Load(from + 3 * aRow);
                Vector128<float> low01 = Sse.UnpackLow(r0, r1), low23 = Sse.UnpackLow(r2, r3), high01 = Sse.UnpackHigh(r0, r1), high23 = Sse.UnpackHigh(r2, r3);
                Vector128.Create(low01.GetLower(), low23.GetLower()).Store(to);
                Vector128.Create(low01.GetUpper(), low23.GetUpper()).Store(to + tRow);
                Vector128.Create(high01.GetLower(), high23.GetLower()).Store(to + 2 * tRow);
                Vector128.Create(high01.GetUpper(), high23.GetUpper()).Store(to + 3 * tRow);
            }
        }
    }

    [MethodImpl(ParallelLoop.Hot)]
    private static void Tile4X64(long inner, float* a, long aRow, long aColumn, float* b, long bRow, float* c, long cRow, bool add)
    {
        float* a1 = a + aRow, a2 = a1 + aRow, a3 = a2 + aRow, c1 = c + cRow, c2 = c1 + cRow, c3 = c2 + cRow;
        Vector512<float> s00 = default, s01 = default, s02 = default, s03 = default, s10 = default, s11 = default, s12 = default, s13 = default;
        Vector512<float> s20 = default, s21 = default, s22 = default, s23 = default, s30 = default, s31 = default, s32 = default, s33 = default;
        if (add)
        {
            (s00, s01, s02, s03) = (Vector512.Load(c), Vector512.Load(c + 16), Vector512.Load(c + 32), Vector512.Load(c + 48));
            (s10, s11, s12, s13) = (Vector512.Load(c1), Vector512.Load(c1 + 16), Vector512.Load(c1 + 32), Vector512.Load(c1 + 48));
            (s20, s21, s22, s23) = (Vector512.Load(c2), Vector512.Load(c2 + 16), Vector512.Load(c2 + 32), Vector512.Load(c2 + 48));
            (s30, s31, s32, s33) = (Vector512.Load(c3), Vector512.Load(c3 + 16), Vector512.Load(c3 + 32), Vector512.Load(c3 + 48));
        }
        long at = 0;
        for (long k = 0; k < inner; k++, at += aColumn, b += bRow)
        {
            Vector512<float> b0 = Vector512.Load(b), b1 = Vector512.Load(b + 16), b2 = Vector512.Load(b + 32), b3 = Vector512.Load(b + 48);
            Vector512<float> x = Vector512.Create(a[at]);
            s00 = Vector512.FusedMultiplyAdd(x, b0, s00);
            s01 = Vector512.FusedMultiplyAdd(x, b1, s01);
            s02 = Vector512.FusedMultiplyAdd(x, b2, s02);
            s03 = Vector512.FusedMultiplyAdd(x, b3, s03);
            x = Vector512.Create(a1[at]);
            s10 = Vector512.FusedMultiplyAdd(x, b0, s10);
            s11 = Vector512.FusedMultiplyAdd(x, b1, s11);
            s12 = Vector512.FusedMultiplyAdd(x, b2, s12);
            s13 = Vector512.FusedMultiplyAdd(x, b3, s13);
            x = Vector512.Create(a2[at]);
            s20 = Vector512.FusedMultiplyAdd(x, b0, s20);
            s21 = Vector512.FusedMultiplyAdd(x, b1, s21);
            s22 = Vector512.FusedMultiplyAdd(x, b2, s22);
            s23 = Vector512.FusedMultiplyAdd(x, b3, s23);
            x = Vector512.Create(a3[at]);
            s30 = Vector512.FusedMultiplyAdd(x, b0, s30);
            s31 = Vector512.FusedMultiplyAdd(x, b1, s31);
            s32 = Vector512.FusedMultiplyAdd(x, b2, s32);
            s33 = Vector512.FusedMultiplyAdd(x, b3, s33);
        }
        Store(c, s00, s01, s02, s03);
        Store(c1, s10, s11, s12, s13);
        Store(c2, s20, s21, s22, s23);
        Store(c3, s30, s31, s32, s33);
    }

    [MethodImpl(ParallelLoop.Hot)]
    private static void Tile1X64(long inner, float* a, long aColumn, float* b, long bRow, float* c, bool add)
    {
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
        if (add) (s0, s1, s2, s3) = (Vector512.Load(c), Vector512.Load(c + 16), Vector512.Load(c + 32), Vector512.Load(c + 48));
        for (long k = 0; k < inner; k++, b += bRow)
        {
            Vector512<float> x = Vector512.Create(a[k * aColumn]);
            s0 = Vector512.FusedMultiplyAdd(x, Vector512.Load(b), s0);
            s1 = Vector512.FusedMultiplyAdd(x, Vector512.Load(b + 16), s1);
            s2 = Vector512.FusedMultiplyAdd(x, Vector512.Load(b + 32), s2);
            s3 = Vector512.FusedMultiplyAdd(x, Vector512.Load(b + 48), s3);
        }
        Store(c, s0, s1, s2, s3);
    }

    [MethodImpl(ParallelLoop.Hot)]
    private static void Tile4X16(long inner, float* a, long aRow, long aColumn, float* b, long bRow, float* c, long cRow, bool add)
    {
        float* a1 = a + aRow, a2 = a1 + aRow, a3 = a2 + aRow, c1 = c + cRow, c2 = c1 + cRow, c3 = c2 + cRow;
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
        if (add) (s0, s1, s2, s3) = (Vector512.Load(c), Vector512.Load(c1), Vector512.Load(c2), Vector512.Load(c3));
        long at = 0;
        for (long k = 0; k < inner; k++, at += aColumn, b += bRow)
        {
            Vector512<float> y = Vector512.Load(b);
            s0 = Vector512.FusedMultiplyAdd(Vector512.Create(a[at]), y, s0);
            s1 = Vector512.FusedMultiplyAdd(Vector512.Create(a1[at]), y, s1);
            s2 = Vector512.FusedMultiplyAdd(Vector512.Create(a2[at]), y, s2);
            s3 = Vector512.FusedMultiplyAdd(Vector512.Create(a3[at]), y, s3);
        }
        s0.Store(c);
        s1.Store(c1);
        s2.Store(c2);
        s3.Store(c3);
    }

    [MethodImpl(ParallelLoop.Hot)]
    private static void Tile1X16(long inner, float* a, long aColumn, float* b, long bRow, float* c, bool add)
    {
        Vector512<float> s = add ? Vector512.Load(c) : default;
        for (long k = 0; k < inner; k++, b += bRow) s = Vector512.FusedMultiplyAdd(Vector512.Create(a[k * aColumn]), Vector512.Load(b), s);
        s.Store(c);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* c, Vector512<float> s0, Vector512<float> s1, Vector512<float> s2, Vector512<float> s3)
    {
        s0.Store(c);
        s1.Store(c + 16);
        s2.Store(c + 32);
        s3.Store(c + 48);
    }
}
