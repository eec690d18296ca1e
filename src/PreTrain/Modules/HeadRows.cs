using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using PreTrain.Torch.Cpu;

namespace PreTrain.Modules;

/// <summary>Moves the rows of one head between a tensor in which heads lie side by side and the dense 32-bit memory that a head is computed in.</summary>
internal static unsafe class HeadRows
{
    /// <summary>Reads rows, adds the bias where there is one, and scales.</summary>
    [MethodImpl(ParallelLoop.Hot)]
    internal static void Read<E>(byte* from, byte* bias, float* to, long rows, long columns, long stride, float scale) where E : struct, IElement
    {
        Vector512<float> factor = Vector512.Create(scale);
        for (long r = 0; r < rows; r++, from += stride * E.Size, to += columns)
        {
            for (long c = 0; c < columns; c += 16)
            {
                Vector512<float> x = E.Load(from + c * E.Size);
                if (bias != null) x += E.Load(bias + c * E.Size);
                (x * factor).Store(to + c);
            }
        }
    }

    /// <summary>Writes scaled rows, and their sum where that is wanted.</summary>
    [MethodImpl(ParallelLoop.Hot)]
    internal static void Write<E>(float* from, byte* to, long rows, long columns, long stride, float scale, float* sum) where E : struct, IElement
    {
        Vector512<float> factor = Vector512.Create(scale);
        for (long c = 0; c < columns; c += 16)
        {
            Vector512<float> total = Vector512<float>.Zero;
            for (long r = 0; r < rows; r++)
            {
                Vector512<float> x = Vector512.Load(from + r * columns + c) * factor;
                E.Store(to + (r * stride + c) * E.Size, x);
                total += x;
            }
            if (sum != null) total.Store(sum + c);
        }
    }
}
