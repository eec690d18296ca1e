// dotnet run -c Release --project benchmarks/PreTrain.Benchmarks -- kernel-times
// N rows (tokens), C columns (features)
using System.Diagnostics;
using System.Globalization;
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Benchmarks;

/// <summary>What fused element-wise kernels take, forward and backward, beside the same in torch's own operators: the best of runs in turn, since other programs only ever make one slower.</summary>
internal static class KernelTimes
{
    private const int Rows = 2048, Runs = 101;

    internal static int Run()
    {
        Console.WriteLine($"{Rows} rows, {get_num_threads()} threads, forward and backward, best of {Runs} runs");
        Console.WriteLine("kernel                       type       composed      fused    ratio");
        foreach (ScalarType type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
        {
            Compare("GELU with bias, 3072", type, [Rows, 3072], [[3072]], t => nn.functional.gelu(t[0] + t[1]), t => BiasGelu.Apply(t[0], t[1], exact: true));
            Compare("RMSNorm, 768", type, [Rows, 768], [[768]], t => RmsNorm(t[0], t[1]), t => AddRmsNorm.Norm(t[0], t[1], 1e-5));
            Compare("residual and RMSNorm, 768", type, [Rows, 768], [[Rows, 768], [768]],
                t =>
                {
                    Tensor sum = t[0] + t[1];
                    return sum + RmsNorm(sum, t[2]);
                },
                t =>
                {
                    var (sum, normed) = AddRmsNorm.Apply(t[0], t[1], t[2], 1e-5);
                    return sum + normed;
                });
            Compare("SwiGLU, 2048", type, [Rows, 2048], [[Rows, 2048]], t => nn.functional.silu(t[0]) * t[1], t => GatedActivation.Apply(Activation.Silu, t[0], t[1]));
            Compare("GeGLU of halves, 1152", type, [Rows, 2304], [], t => nn.functional.gelu(t[0].chunk(2, -1)[0]) * t[0].chunk(2, -1)[1], t => GatedActivation.ApplyHalves(Activation.Gelu, t[0]));
            Compare("dropout, 3072", type, [Rows, 3072], [], t => nn.functional.dropout(t[0], 0.1, training: true), t => CounterDropout.Apply(t[0], 0.1));
            PackedSequences sequences = PackedSequences.Full(8, Rows / 8);
            var dropping = new AttentionOptions { HeadCount = 12, Dropout = 0.1 };
            Compare("attention, dropout, 12 x 64", type, [Rows, 768], [[Rows, 768], [Rows, 768]],
                t =>
                {
                    Tensor[] spread = [.. t.Select(rows => rows.view(8, Rows / 8, 12, 64).transpose(1, 2))];   // (B, H, T, D)
                    return nn.functional.scaled_dot_product_attention(spread[0], spread[1], spread[2], p: 0.1).transpose(1, 2).reshape(Rows, 768);
                },
                t => Attention.Apply(t[0], t[1], t[2], sequences, sequences, AttentionMask.None, dropping).Rows);
            using var table = new RotaryTable(64, 10_000);
            Tensor positions = arange(Rows, dtype: ScalarType.Int64) % 512, angles = positions.to(ScalarType.Float32).unsqueeze(1) * pow(10_000.0, arange(32) / -32.0).unsqueeze(0);
            Tensor cosines = angles.cos().unsqueeze(1).to(type), sines = angles.sin().unsqueeze(1).to(type);
            Compare("rotary, 12 heads of 64", type, [Rows, 768], [], t => Turned(t[0], cosines, sines), t => table.Apply(t[0], positions, 511));
        }
        return 0;
    }

    private static void Compare(string name, ScalarType type, long[] first, long[][] others, Func<Tensor[], Tensor> composed, Func<Tensor[], Tensor> fused)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] inputs = [.. others.Prepend(first).Select(shape => randn(shape).to(type).requires_grad_())];
        double[][] times = [new double[Runs], new double[Runs]];
        Tensor dy = ones_like(fused(inputs));
        for (int run = -3; run < Runs; run++)
        {
            for (int which = 0; which < 2; which++)
            {
                long start = Stopwatch.GetTimestamp();
                using (DisposeScope inner = NewDisposeScope()) (which == 0 ? composed : fused)(inputs).backward([dy]);
                if (run >= 0) times[which][run] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                foreach (Tensor input in inputs) input.grad = null;
            }
        }
        double[] best = Array.ConvertAll(times, t => t.Min());
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-28} {type,-9} {best[0],7:0.000} ms {best[1],7:0.000} ms {best[0] / best[1],7:0.00}"));
    }

    private static Tensor RmsNorm(Tensor x, Tensor gain)
    {
        Tensor wide = x.to(ScalarType.Float32);
        return gain * (wide * (wide.square().mean([-1], keepdim: true) + 1e-5).rsqrt()).to(x.dtype);
    }

    private static Tensor Turned(Tensor x, Tensor cosines, Tensor sines)
    {
        Tensor heads = x.view(x.size(0), -1, 2, 32), first = heads.select(2, 0), second = heads.select(2, 1);
        return stack([first * cosines - second * sines, second * cosines + first * sines], 2).view(x.shape);
    }
}
