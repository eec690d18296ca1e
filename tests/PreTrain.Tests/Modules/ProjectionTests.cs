using PreTrain.Modules;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

public sealed class ProjectionTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Forward_AnyRows_IsTheAffineMap(bool hasBias)
    {
        using IDisposable mode = no_grad();
        var map = new Projection(5, 7, hasBias);
        map.weight.copy_(Normal([7, 5], 3));
        map.bias?.copy_(Normal([7], 5));
        double[] w = Doubles(map.weight), b = hasBias ? Doubles(map.bias!) : new double[7], x = Doubles(Normal([3, 5], 7));

        double[] product = [.. Enumerable.Range(0, 21).Select(i => Enumerable.Range(0, 5).Sum(k => x[i / 7 * 5 + k] * w[i % 7 * 5 + k]))];

        AssertClose(product, Doubles(map.Product(Normal([3, 5], 7))), 7, 8 * Float32Rounding, "product");
        AssertClose([.. product.Select((p, i) => p + b[i % 7])], Doubles(map.forward(Normal([3, 5], 7))), 7, 8 * Float32Rounding, "result");
        Assert.Equal(hasBias ? ["weight", "bias"] : ["weight"], map.named_parameters().Select(p => p.name));
    }

    [Theory]
    [InlineData(0, 7)]
    [InlineData(5, -1)]
    public void Constructor_NoWidth_Throws(long inputs, long outputs) => Assert.Throws<ArgumentOutOfRangeException>(() => new Projection(inputs, outputs));
}
