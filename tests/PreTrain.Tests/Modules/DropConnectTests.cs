using PreTrain.Modules;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

[Collection(nameof(RunsAlone))]
public sealed class DropConnectTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static Projection Filled(long inputs, long outputs, bool hasBias = true)
    {
        var projection = new Projection(inputs, outputs, hasBias);
        using IDisposable mode = no_grad();
        projection.weight.copy_(Normal([outputs, inputs], 3).abs() + 1);
        projection.bias?.copy_(Normal([outputs], 5).abs() + 1);
        return projection;
    }

    [Fact]
    public void Apply_UnitInputs_ShowsEachWeightKeptAndScaledOrDropped()
    {
        using Projection projection = Filled(31, 37, hasBias: false);
        manual_seed(7);

        double[] factors = Doubles(DropConnect.Apply(eye(31), projection, 0.25) / projection.weight.t());

        Assert.All(factors, f => Assert.True(f == 0 || Math.Abs(f - 4.0 / 3) < 1e-6, $"{f} is no factor."));
        Assert.InRange(factors.Count(f => f > 0), 0.75 * 1147 - 60, 0.75 * 1147 + 60);   // four deviations
    }

    [Fact]
    public void Apply_Gradients_AreThoseOfTheKeptWeights()
    {
        using Projection projection = Filled(5, 7);
        Tensor x = Normal([3, 5], 11).requires_grad_();
        manual_seed(7);

        DropConnect.Apply(x, projection, 0.5).sum().backward();

        manual_seed(7);
        Tensor kept = CounterDropout.Apply(ones(7, 5), 0.5), keptBias = CounterDropout.Apply(ones(7), 0.5);
        AssertClose(Doubles(kept * x.detach().sum(dim: 0)), Doubles(projection.weight.grad!), 5, 8 * Float32Rounding, "weight", least: 1);
        AssertClose(Doubles(keptBias * 3), Doubles(projection.bias!.grad!), 7, 8 * Float32Rounding, "bias");
        AssertClose(Doubles((kept * projection.weight).sum(dim: 0).expand(3, 5)), Doubles(x.grad!), 5, 8 * Float32Rounding, "x");
        Assert.Contains(0, Doubles(kept));
    }

    [Fact]
    public void Apply_RateZero_IsThePlainMap()
    {
        using Projection projection = Filled(5, 7);
        Tensor x = Normal([3, 5], 11);

        Assert.Equal(Bytes(projection.forward(x)), Bytes(DropConnect.Apply(x, projection, 0)));
    }

    [Fact]
    public void Apply_RateOne_Throws()
    {
        using Projection projection = Filled(5, 7);

        Assert.StartsWith("The rate (1) must be at least 0 and below 1.", Assert.Throws<ArgumentOutOfRangeException>(() => DropConnect.Apply(zeros([3, 5]), projection, 1)).Message, StringComparison.Ordinal);
    }
}
