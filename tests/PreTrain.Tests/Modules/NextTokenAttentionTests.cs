using PreTrain.Modules;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

[Collection(nameof(RunsAlone))]
public sealed class NextTokenAttentionTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData(1, 3, 3, 1, 16, 0)]
    [InlineData(2, 6, 3, 11, 32, 0)]
    [InlineData(3, 4, 1, 19, 48, 7)]
    [InlineData(2, 8, 2, 300, 64, 129)]   // enough work for several threads
    public void Apply_OneToken_IsAttentionInTorchsOperators(int batch, int heads, int shared, int all, int width, int window)
    {
        Kernels.SkipWithoutKernels();
        AttentionMask mask = window == 0 ? AttentionMask.Causal : AttentionMask.CausalWindow(window);
        foreach (ScalarType type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
        {
            // As a cache has them: longer than what is held.
            Tensor query = Normal([batch, 1, heads, width], 3).to(type).transpose(1, 2);
            Tensor keys = Normal([batch, shared, all + 5, width], 5).to(type).narrow(2, 0, all), values = Normal([batch, shared, all + 5, width], 7).to(type).narrow(2, 0, all);
            Tensor expected = CachedAttention.Apply(query.to(ScalarType.Float64), keys.to(ScalarType.Float64), values.to(ScalarType.Float64), mask), actual;
            using (inference_mode())
            {
                Assert.True(NextTokenAttention.Fits(query, keys, values));
                actual = CachedAttention.Apply(query, keys, values, mask);
            }

            Assert.Equal(type, actual.dtype);
            AssertClose(Doubles(expected), Doubles(actual), width, type == ScalarType.BFloat16 ? 1.0 / 128 : 64 * Float32Rounding, "attention of one token", least: 0.1);
        }
    }

    [Fact]
    public void Fits_OtherCases_AreLeftToTorch()
    {
        Kernels.SkipWithoutKernels();
        Tensor query = Normal([2, 4, 1, 16], 3), keys = Normal([2, 2, 5, 16], 5);
        Assert.False(NextTokenAttention.Fits(query, keys, keys));   // gradients may be wanted
        using IDisposable mode = inference_mode();
        Assert.True(NextTokenAttention.Fits(query, keys, keys));
        Assert.False(NextTokenAttention.Fits(Normal([2, 4, 2, 16], 3), keys, keys));
        Assert.False(NextTokenAttention.Fits(Normal([2, 4, 1, 8], 3), Normal([2, 2, 5, 8], 5), Normal([2, 2, 5, 8], 5)));
        Assert.False(NextTokenAttention.Fits(query, keys.transpose(1, 2).contiguous().transpose(1, 2), keys));
    }
}
