using PreTrain.Torch.Cpu;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Torch.Cpu;

/// <summary>Products of bfloat16 are rounded once, whether torch makes them or they are made in 32 bits.</summary>
[Collection(nameof(RunsAlone))]
public sealed class WidenedProductTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Linear_BFloat16_IsRoundedOnce(bool hasBias)
    {
        Tensor x = Leaf(Normal([3, 67, 300], 3), ScalarType.BFloat16), weight = Leaf(Normal([41, 300], 5), ScalarType.BFloat16), bias = Leaf(Normal([41], 7), ScalarType.BFloat16);
        Tensor plainX = Leaf(x, ScalarType.Float64), plainWeight = Leaf(weight, ScalarType.Float64), plainBias = Leaf(bias, ScalarType.Float64), upstream = Normal([3, 67, 41], 11).to(ScalarType.BFloat16);

        Tensor y = WidenedProduct.Linear(x, weight, hasBias ? bias : null), plain = nn.functional.linear(plainX, plainWeight, hasBias ? plainBias : null!);
        y.backward([upstream]);
        plain.backward([upstream.to(ScalarType.Float64)]);

        Assert.Equal(ScalarType.BFloat16, y.dtype);
        AssertClose(Doubles(plain), Doubles(y), 41, 2 * BFloat16Rounding, "product");
        AssertClose(Doubles(plainX.grad!), Doubles(x.grad!), 300, 2 * BFloat16Rounding, "gradient of x");
        AssertClose(Doubles(plainWeight.grad!), Doubles(weight.grad!), 300, 2 * BFloat16Rounding, "gradient of the weight");
        if (hasBias) AssertClose(Doubles(plainBias.grad!), Doubles(bias.grad!), 41, 2 * BFloat16Rounding, "gradient of the bias");
    }

    [Fact]
    public void Of_BatchesInBFloat16_AreRoundedOnce()
    {
        Tensor a = Leaf(Normal([2, 5, 33, 130], 3), ScalarType.BFloat16), b = Leaf(Normal([2, 5, 130, 37], 5), ScalarType.BFloat16);
        Tensor plainA = Leaf(a, ScalarType.Float64), plainB = Leaf(b, ScalarType.Float64), upstream = Normal([2, 5, 33, 37], 7).to(ScalarType.BFloat16);

        Tensor y = WidenedProduct.Of(a, b), plain = matmul(plainA, plainB);
        y.backward([upstream]);
        plain.backward([upstream.to(ScalarType.Float64)]);

        AssertClose(Doubles(plain), Doubles(y), 37, 2 * BFloat16Rounding, "product");
        AssertClose(Doubles(plainA.grad!), Doubles(a.grad!), 130, 2 * BFloat16Rounding, "gradient of a");
        AssertClose(Doubles(plainB.grad!), Doubles(b.grad!), 37, 2 * BFloat16Rounding, "gradient of b");
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void AddTo_TransposedView_AddsInPlace(ScalarType type)
    {
        Tensor sum = Normal([41, 300], 3).to(type), a = Normal([67, 41], 5).to(type), b = Normal([67, 300], 7).to(type);
        Tensor expected = sum.to(ScalarType.Float64) + a.to(ScalarType.Float64).t().matmul(b.to(ScalarType.Float64));

        WidenedProduct.AddTo(sum, a.t(), b);

        AssertClose(Doubles(expected), Doubles(sum), 300, type == ScalarType.BFloat16 ? 2 * BFloat16Rounding : 128 * Float32Rounding, "sum");
    }

    [Fact]
    public void Attention_BFloat16_IsThatOf32Bits()
    {
        Tensor q = Normal([2, 3, 17, 24], 3).to(ScalarType.BFloat16), k = Normal([2, 3, 17, 24], 5).to(ScalarType.BFloat16), v = Normal([2, 3, 17, 24], 7).to(ScalarType.BFloat16);

        Tensor y = WidenedProduct.Attention(q, k, v, null, 0, isCausal: true);

        Tensor expected = nn.functional.scaled_dot_product_attention(q.to(ScalarType.Float64), k.to(ScalarType.Float64), v.to(ScalarType.Float64), is_casual: true);
        Assert.Equal(ScalarType.BFloat16, y.dtype);
        AssertClose(Doubles(expected), Doubles(y), 24, 4 * BFloat16Rounding, "attention");
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float64)]
    public void Fits_OtherTypes_AreLeftToTorch(ScalarType type)
    {
        Assert.False(WidenedProduct.Fits(zeros([64, 64], dtype: type), zeros([64, 64], dtype: type)));
        Assert.False(WidenedProduct.Fits(zeros([64, 64], dtype: ScalarType.BFloat16), zeros([64, 64], dtype: type)));
    }

    [Fact]
    public void Fits_BFloat16_IsWhereTheProcessorHasNoProductsOfIt() =>
        Assert.Equal(!Processor.MultipliesBFloat16, WidenedProduct.Fits(zeros([5, 7], dtype: ScalarType.BFloat16), zeros([7, 3], dtype: ScalarType.BFloat16)));
}
