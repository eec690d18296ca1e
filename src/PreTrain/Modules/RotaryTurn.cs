// N rows (tokens), H heads, P positions, D width of a head
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>Turns the heads of rows by a table of cosines and sines in one pass over memory; the gradient is turned back.</summary>
internal sealed unsafe class RotaryTurn : autograd.SingleTensorFunction<RotaryTurn>
{
    public override string Name => nameof(RotaryTable);

    /// <summary>Whether the kernel serves: half a head is whole registers.</summary>
    internal static bool Serves(Tensor x, Tensor positions, long half) =>
        half % 16 == 0 && TensorMemory.HasKernelsFor(x) && positions.device_type == DeviceType.CPU && positions.dtype == ScalarType.Int64 && x.numel() > 0;

    /// <summary>Rows (N, H·D), positions (N), cosines and sines (P, D/2).</summary>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, positions, cosines, sines) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2], (Tensor)vars[3]);
        ctx.save_for_backward([positions, cosines, sines]);
        return Turn(x, positions, cosines, sines, 1);
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        List<Tensor> saved = ctx.get_saved_variables();
        using Tensor dy = grad_output.contiguous();
        return [Turn(dy, saved[0], saved[1], saved[2], -1), null!, null!, null!];
    }

    private static Tensor Turn(Tensor x, Tensor positions, Tensor cosines, Tensor sines, float sign)
    {
        Tensor y = empty_like(x);
        if (x.dtype == ScalarType.BFloat16) Turn<BFloat16Element>(x, positions, cosines, sines, sign, y);
        else Turn<Float32Element>(x, positions, cosines, sines, sign, y);
        return y;
    }

    private static void Turn<E>(Tensor x, Tensor positions, Tensor cosines, Tensor sines, float sign, Tensor y) where E : struct, IElement
    {
        long rows = x.size(0), width = x.size(1), half = cosines.size(1), known = cosines.size(0);
        byte* px = TensorMemory.Address(x), py = TensorMemory.Address(y);
        var at = (long*)TensorMemory.Address(positions);
        float* pc = (float*)TensorMemory.Address(cosines), ps = (float*)TensorMemory.Address(sines);
        int chunks = ParallelLoop.Chunks(rows, 64);
        ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
        {
            var (from, to) = ParallelLoop.Range(rows, chunks, chunk);
            Vector512<float> direction = Vector512.Create(sign);
            for (long r = from; r < to; r++)
            {
                if ((ulong)at[r] >= (ulong)known) throw new ArgumentOutOfRangeException(nameof(positions), at[r], $"The position of row {r} ({at[r]}) is beyond the table's {known}.");
                float* cosine = pc + at[r] * half, sine = ps + at[r] * half;
                for (long head = 0; head < width; head += 2 * half)
                {
                    byte* first = px + (r * width + head) * E.Size, target = py + (r * width + head) * E.Size;
                    long other = half * E.Size;
                    for (long c = 0; c < half; c += 16)
                    {
                        long i = c * E.Size;
                        Vector512<float> a = E.Load(first + i), b = E.Load(first + other + i), cos = Vector512.Load(cosine + c), sin = Vector512.Load(sine + c) * direction;
                        E.Store(target + i, a * cos - b * sin);
                        E.Store(target + other + i, b * cos + a * sin);
                    }
                }
            }
        });
    }
}
