using PreTrain.Modules;
using PreTrain.Tests.Modules;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Torch.Cpu;

[Collection(nameof(RunsAlone))]
public sealed class FewRowsProductTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData(1, 16, 1)]
    [InlineData(1, 48, 131)]
    [InlineData(2, 80, 67)]
    [InlineData(3, 144, 7)]
    [InlineData(4, 32, 259)]
    public void Apply_AnyShape_IsTheSumOfProducts(int rows, int inputs, int outputs)
    {
        Kernels.SkipWithoutKernels();
        foreach (ScalarType type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
        {
            foreach (bool hasBias in new[] { false, true })
            {
                Tensor x = Normal([rows, inputs], 3).to(type), weight = Normal([outputs, inputs], 5).to(type), bias = Normal([outputs], 7).to(type);
                Tensor actual, expected = matmul(x.to(ScalarType.Float64), weight.to(ScalarType.Float64).t());
                if (hasBias) expected += bias.to(ScalarType.Float64);
                using (inference_mode())
                {
                    Assert.True(FewRowsProduct.Fits(x, weight, hasBias ? bias : null));
                    actual = WeightProduct.Apply(x, weight, hasBias ? bias : null);
                }

                Assert.Equal(type, actual.dtype);
                double rounding = type == ScalarType.BFloat16 ? 1.0 / 256 : inputs * Float32Rounding;
                Tensor size = matmul(x.to(ScalarType.Float64).abs(), weight.to(ScalarType.Float64).abs().t()) * (inputs * Float32Rounding) + expected.abs() * rounding + 1e-6;
                Assert.True((actual.to(ScalarType.Float64) - expected).abs().le(size).all().item<bool>());
            }
        }
    }

    [Fact]
    public void Fits_OtherProducts_AreLeftToTorch()
    {
        Kernels.SkipWithoutKernels();
        Tensor x = Normal([2, 32], 3), weight = Normal([5, 32], 5);
        Assert.False(FewRowsProduct.Fits(x, weight, null));   // gradients may be wanted
        using (no_grad()) Assert.False(FewRowsProduct.Fits(x, weight, null));
        using IDisposable mode = inference_mode();
        Assert.True(FewRowsProduct.Fits(x, weight, null));
        Assert.False(FewRowsProduct.Fits(Normal([5, 32], 3), weight, null));
        Assert.False(FewRowsProduct.Fits(Normal([2, 24], 3), Normal([5, 24], 5), null));
        Assert.False(FewRowsProduct.Fits(x.to(ScalarType.BFloat16), weight, null));
        Assert.False(FewRowsProduct.Fits(x.to(ScalarType.Float64), weight.to(ScalarType.Float64), null));
    }
}
