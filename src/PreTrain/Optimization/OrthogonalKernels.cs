// M rows, N columns, M ≤ N
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using PreTrain.Torch.Cpu;
using Tensor = TorchSharp.torch.Tensor;

namespace PreTrain.Optimization;

/// <summary>Muon's iteration for many matrices at once, each on one thread: products of this size gain little from several.</summary>
internal static unsafe class OrthogonalKernels
{
    private const long Multiple = 16;

    /// <summary>The shorter side of the largest matrix for these loops: beyond, a thread's matrices leave its caches, and a library's products are better.</summary>
    internal const long LargestSide = 512;

    /// <summary>Whether a matrix is one for these loops.</summary>
    internal static bool Serve(Tensor matrix) =>
        Math.Min(matrix.size(0), matrix.size(1)) <= LargestSide && TensorMemory.HasKernelsFor(matrix) && matrix.dtype == TorchSharp.torch.ScalarType.Float32 && matrix.is_contiguous() && matrix.size(0) % Multiple == 0 && matrix.size(1) % Multiple == 0;

    /// <summary>Replaces each matrix by the nearest orthogonal one, roughly.</summary>
    internal static void Orthogonalize(IReadOnlyList<Tensor> matrices, int iterations, double epsilon, float a, float b, float c)
    {
        // The large ones first, so that no thread is left with one of them at the end.
        (nint Address, long Rows, long Columns)[] work = [.. matrices.Select(m => ((nint)TensorMemory.Address(m), m.size(0), m.size(1))).OrderByDescending(m => m.Item2 * m.Item3 * Math.Min(m.Item2, m.Item3))];
        ParallelLoop.For(work.Length, chunk => Orthogonalize((float*)work[chunk].Address, work[chunk].Rows, work[chunk].Columns, iterations, epsilon, a, b, c));
    }

    [MethodImpl(ParallelLoop.Hot)]
    private static void Orthogonalize(float* matrix, long rows, long columns, int iterations, double epsilon, float a, float b, float c)
    {
        bool tall = rows > columns;
        long m = Math.Min(rows, columns), n = Math.Max(rows, columns), size = m * n, square = m * m;
        float* room = (float*)NativeMemory.AlignedAlloc((nuint)((3 * size + 2 * square) * sizeof(float)), 64);
        try
        {
            float* x = room, next = x + size, transposed = next + size, gram = transposed + size, factor = gram + square;   // (M, N), (M, N), (N, M), (M, M), (M, M)
            if (tall) BlockProduct.Transpose(n, m, matrix, m, x, n);
            else Span(matrix, size).CopyTo(Span(x, size));
            TensorPrimitives.Multiply(Span(x, size), (float)(1 / Math.Max(Norm(x, size), epsilon)), Span(x, size));
            for (int i = 0; i < iterations; i++)
            {
                // X ← aX + (bG + cG²)X = (aI + bG + cG²)X with G = XXᵀ
                BlockProduct.Transpose(m, n, x, n, transposed, m);
                BlockProduct.Multiply(m, m, n, x, n, 1, transposed, m, gram, m, add: false);
                BlockProduct.Multiply(m, m, m, gram, m, 1, gram, m, factor, m, add: false);
                TensorPrimitives.Multiply(Span(factor, square), c, Span(factor, square));
                TensorPrimitives.MultiplyAdd(Span(gram, square), b, Span(factor, square), Span(factor, square));
                for (long j = 0; j < m; j++) factor[j * m + j] += a;
                BlockProduct.Multiply(m, n, m, factor, m, 1, x, n, next, n, add: false);
                float* former = x;
                x = next;
                next = former;
            }
            if (tall) BlockProduct.Transpose(m, n, x, n, matrix, m);
            else Span(x, size).CopyTo(Span(matrix, size));
        }
        finally
        {
            NativeMemory.AlignedFree(room);
        }
    }

    /// <summary>The Frobenius norm, summed in 64 bits over pieces.</summary>
    private static double Norm(float* x, long size)
    {
        double sum = 0;
        for (long at = 0; at < size; at += 4096) sum += TensorPrimitives.SumOfSquares(Span(x + at, Math.Min(4096, size - at)));
        return Math.Sqrt(sum);
    }

    private static Span<float> Span(float* x, long length) => new(x, checked((int)length));
}
