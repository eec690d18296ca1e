using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Tests.Optimization;

/// <summary>Two matrices and a vector whose start and gradients are those of fixtures/make_fixtures.py: numbers that every float type holds exactly.</summary>
internal sealed class NumbersModel : nn.Module
{
    private static readonly long[][] s_shapes = [[5, 7], [13, 3], [11]];
    private readonly ModuleList<Holder> blocks;

    internal NumbersModel() : base(nameof(NumbersModel))
    {
        blocks = new ModuleList<Holder>([.. s_shapes.Select((shape, k) => new Holder(Numbers(shape, 29, 17 * k, 101, 32)))]);
        RegisterComponents();
    }

    internal Parameter[] Parameters => [.. blocks.Select(b => b.weight)];

    /// <summary>The gradient of parameter <paramref name="k"/> in step <paramref name="t"/>, from 0.</summary>
    internal static Tensor Gradient(int k, int t) => Numbers(s_shapes[k], 37, 101 * t + 53 * k + 7 * t * t, 257, 64);

    private static Tensor Numbers(long[] shape, int factor, int offset, int modulus, float scale)
    {
        float[] values = [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(i => ((i * factor + offset) % modulus - modulus / 2) / scale)];
        return tensor(values, shape);
    }

    private sealed class Holder : nn.Module
    {
        internal readonly Parameter weight;

        internal Holder(Tensor start) : base(nameof(Holder))
        {
            weight = new Parameter(start);
            RegisterComponents();
        }
    }
}
