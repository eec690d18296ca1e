using PreTrain.Modules;
using PreTrain.Optimization;
using PreTrain.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

[Collection(nameof(RunsAlone))]
public sealed class WeightProductTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static Projection Create(Tensor weight)
    {
        var map = new Projection(weight.size(1), weight.size(0), hasBias: false);
        using IDisposable mode = no_grad();
        map.weight.copy_(weight);
        return map;
    }

    [Theory]
    [InlineData(Precision.Float32, 11, 5, 7)]
    [InlineData(Precision.BFloat16, 11, 5, 7)]
    [InlineData(Precision.BFloat16, 67, 37, 41)]   // large enough for a matrix unit
    public void Apply_WeightWithABuffer_AddsTheGradientToIt(Precision precision, long rows, long inputs, long outputs)
    {
        Tensor weight = Normal([outputs, inputs], 3).to(ScalarType.BFloat16).to(ScalarType.Float32), x = Normal([rows, inputs], 5).to(ScalarType.BFloat16), upstream = Normal([rows, outputs], 7).to(ScalarType.BFloat16);
        ScalarType type = precision.ToScalarType();
        using Projection map = Create(weight);
        using var parameters = new FlatParameters(map, precision);
        Tensor leaf = Leaf(x, type), plainLeaf = Leaf(x, ScalarType.Float32), plainWeight = Leaf(weight, ScalarType.Float32);

        for (int i = 0; i < 2; i++) map.Product(leaf).backward([upstream.to(type)]);
        for (int i = 0; i < 2; i++) matmul(plainLeaf, plainWeight.t()).backward([upstream.to(ScalarType.Float32)]);

        double rounding = precision == Precision.BFloat16 ? 2 * BFloat16Rounding : 16 * Float32Rounding;
        AssertClose(Doubles(plainWeight.grad!), Doubles(map.weight.grad!), outputs * inputs, rounding, "gradient of the weight");
        AssertClose(Doubles(plainLeaf.grad!), Doubles(leaf.grad!), rows * inputs, rounding, "gradient of x");
        parameters.Collect();
        AssertClose(Doubles(plainWeight.grad!), Doubles(parameters.Gradient.narrow(0, 0, outputs * inputs)), outputs * inputs, rounding, "buffer");
    }

    [Fact]
    public void Apply_GradientThatWasReplaced_IsLeftToAutograd()
    {
        using Projection map = Create(Normal([7, 5], 3));
        using var parameters = new FlatParameters(map, Precision.Float32);
        Tensor x = Normal([11, 5], 5), own = ones([7, 5]);
        map.weight.grad = own;

        map.Product(x).sum().backward();

        Assert.All(Doubles(parameters.Gradient), g => Assert.Equal(0, g));
        AssertClose(Doubles(x.sum(dim: 0).expand(7, 5) + 1), Doubles(map.weight.grad!), 35, 16 * Float32Rounding, "gradient");
        parameters.Collect();
        AssertClose(Doubles(x.sum(dim: 0).expand(7, 5) + 1), Doubles(parameters.Gradient.narrow(0, 0, 35)), 35, 16 * Float32Rounding, "buffer");
    }

    [Fact]
    public void Apply_AfterTheBuffersAreGone_IsLeftToAutograd()
    {
        using Projection map = Create(Normal([7, 5], 3));
        Tensor x = Normal([11, 5], 5);
        new FlatParameters(map, Precision.Float32).Dispose();

        map.Product(x).sum().backward();

        AssertClose(Doubles(x.sum(dim: 0).expand(7, 5)), Doubles(map.weight.grad!), 35, 16 * Float32Rounding, "gradient");
    }

    [Fact]
    public void Apply_LargeFrozenWeightInBFloat16_GivesTheGradientOfXOnly()
    {
        Tensor weight = Normal([41, 37], 3).to(ScalarType.BFloat16), x = Leaf(Normal([67, 37], 5), ScalarType.BFloat16), upstream = Normal([67, 41], 7).to(ScalarType.BFloat16);

        WeightProduct.Apply(x, weight).backward([upstream]);

        AssertClose(Doubles(upstream.to(ScalarType.Float64).matmul(weight.to(ScalarType.Float64))), Doubles(x.grad!), 67 * 37, 2 * BFloat16Rounding, "gradient of x");
    }

    [Fact]
    public void Apply_FrozenWeight_GivesTheGradientOfXOnly()
    {
        using Projection map = Create(Normal([7, 5], 3)), other = Create(Normal([5, 5], 11));
        map.weight.requires_grad_(false);
        using var both = new Both(other, map);
        using var parameters = new FlatParameters(both, Precision.Float32);
        Tensor x = Leaf(Normal([11, 5], 5), ScalarType.Float32);

        map.Product(x).sum().backward();

        Assert.Null(map.weight.grad);
        AssertClose(Doubles(map.weight.sum(dim: 0).expand(11, 5)), Doubles(x.grad!), 55, 16 * Float32Rounding, "gradient of x");
    }

    [Theory]
    [InlineData(Precision.Float32, 11, 5, 7)]
    [InlineData(Precision.BFloat16, 67, 37, 41)]
    public void Apply_ForwardAndBackward_LeavesNoTensor(Precision precision, long rows, long inputs, long outputs)
    {
        using Projection map = Create(Normal([outputs, inputs], 3));
        using var parameters = new FlatParameters(map, precision);
        Tensor x = Leaf(Normal([rows, inputs], 5), precision.ToScalarType());
        void Step()
        {
            using DisposeScope scope = NewDisposeScope();
            map.Product(x).sum().backward();
        }
        Step();
        long before = LiveTensors.Count();
        for (int i = 0; i < 3; i++) Step();
        Assert.Equal(before, Tensor.TotalCount);
    }

    private sealed class Both : nn.Module
    {
        private readonly Projection first, second;

        internal Both(Projection first, Projection second) : base(nameof(Both))
        {
            (this.first, this.second) = (first, second);
            RegisterComponents();
        }
    }
}
