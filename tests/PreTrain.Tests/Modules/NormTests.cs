using PreTrain.Modules;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

public sealed class NormTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static (Norm Norm, Projection Projection, Tensor X, Tensor Input) Create(bool hasBias)
    {
        using IDisposable mode = no_grad();
        var norm = new Norm(16, 1e-5);
        norm.weight.copy_(Normal([16], 3));
        norm.bias!.copy_(Normal([16], 5));
        var projection = new Projection(7, 16, hasBias);
        projection.weight.copy_(Normal([16, 7], 7));
        projection.bias?.copy_(Normal([16], 11));
        return (norm, projection, Normal([5, 16], 13), Normal([5, 7], 17));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Join_NoDropout_IsTheSumAndItsNorm(bool hasBias)
    {
        var (norm, projection, x, input) = Create(hasBias);

        var (sum, normed) = norm.Join(x, input, projection, dropout: 0);

        Tensor expected = x + projection.forward(input);
        AssertClose(Doubles(expected), Doubles(sum), 16, 8 * Float32Rounding, "sum");
        AssertClose(Doubles(norm.forward(expected)), Doubles(normed), 16, 32 * Float32Rounding, "normed");
    }

    [Fact]
    public void Join_Dropout_DropsTheUpdateAlone()
    {
        var (norm, projection, x, input) = Create(hasBias: true);

        var (sum, normed) = norm.Join(x, input, projection, dropout: 0.5);

        double[] update = Doubles(projection.forward(input)), before = Doubles(x), after = Doubles(sum);
        int dropped = Enumerable.Range(0, 80).Count(i => after[i] == before[i]);
        Assert.InRange(dropped, 15, 65);
        Assert.All(Enumerable.Range(0, 80).Where(i => after[i] != before[i]), i => Assert.Equal(2 * update[i], after[i] - before[i], 1e-5));
        AssertClose(Doubles(norm.forward(sum)), Doubles(normed), 16, 32 * Float32Rounding, "normed");
    }

    [Fact]
    public void Constructor_NoWidth_Throws() => Assert.Throws<ArgumentOutOfRangeException>(() => new Norm(0, 1e-5));
}
