using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Tests.Optimization;

/// <summary>Parameters of several shapes, one of them in two modules and one frozen.</summary>
internal sealed class ShapesModel : nn.Module
{
    private readonly Holder first;
    private readonly Parameter vector;
    private readonly Holder second;
    private readonly Parameter matrix;
    private readonly Parameter frozen;

    internal ShapesModel(long seed = 7) : base(nameof(ShapesModel))
    {
        using var generator = new Generator((ulong)seed, CPU);
        var shared = new Parameter(randn([11, 3], generator: generator));
        vector = new Parameter(randn([19], generator: generator));
        matrix = new Parameter(randn([13, 17], generator: generator));
        frozen = new Parameter(randn([5, 7], generator: generator), requires_grad: false);
        (first, second) = (new Holder(shared), new Holder(shared));
        RegisterComponents();
    }

    internal Parameter Shared => first.shared;

    internal Parameter SharedAgain => second.shared;

    internal Parameter Vector => vector;

    internal Parameter Matrix => matrix;

    internal Parameter Frozen => frozen;

    internal Parameter[] Trainable => [Shared, Matrix, Vector];

    /// <summary>Some function of all of them, in 32 bits.</summary>
    internal Tensor Loss(double factor = 1)
    {
        Tensor sum = Trainable.Select(p => p.to(ScalarType.Float32)).Select((p, i) => (p * p * (0.1 * i + 0.3)).sum() + p.sin().sum()).Aggregate((a, b) => a + b);
        return sum * factor;
    }

    private sealed class Holder : nn.Module
    {
        internal readonly Parameter shared;

        internal Holder(Parameter shared) : base(nameof(Holder))
        {
            this.shared = shared;
            RegisterComponents();
        }
    }
}
