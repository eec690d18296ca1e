using PreTrain.Optimization;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Optimization;

public class OrthogonalKernelsTests
{
    private const float A = 3.4445f, B = -4.775f, C = 2.0315f;

    [Theory]
    [InlineData(16, 16, 1)]
    [InlineData(32, 112, 5)]
    [InlineData(176, 48, 5)]
    [InlineData(80, 208, 3)]
    public void Orthogonalize_Matrix_IsTheIterationIn64Bits(int rows, int columns, int iterations)
    {
        using DisposeScope scope = NewDisposeScope();
        using Generator random = new((ulong)rows);
        Tensor matrix = randn([rows, columns], generator: random), other = randn([48, 16], generator: random);
        Assert.SkipUnless(OrthogonalKernels.Serve(matrix), "The processor has no vectors of 512 bits.");
        Tensor x = matrix.to(ScalarType.Float64);
        x = (rows > columns ? x.t() : x) / linalg.vector_norm(x, 2);
        for (int i = 0; i < iterations; i++)
        {
            Tensor gram = x.mm(x.t());
            x = A * x + (B * gram + C * gram.mm(gram)).mm(x);
        }

        OrthogonalKernels.Orthogonalize([other, matrix], iterations, 1e-7, A, B, C);

        double worst = (matrix.to(ScalarType.Float64) - (rows > columns ? x.t() : x)).abs().max().item<double>();
        Assert.True(worst < 2e-5, $"{worst:g3}");
        Assert.InRange(linalg.svdvals(other).max().item<float>(), 0.5f, 1.5f);
    }

    [Fact]
    public void Serve_LargeMatrix_IsLeftToTorch()
    {
        using Tensor small = zeros([512, 1024]), large = zeros([528, 1024]);
        Assert.False(OrthogonalKernels.Serve(large));
        Assert.Equal(TensorMemory.HasKernelsFor(small), OrthogonalKernels.Serve(small));
    }

    [Fact]
    public void Serve_SidesThatAreNoMultiplesOf16_AreLeftToTorch()
    {
        using Tensor wide = zeros([16, 24]), zero = zeros([32, 16]);
        Assert.False(OrthogonalKernels.Serve(wide));
        Assert.SkipUnless(OrthogonalKernels.Serve(zero), "The processor has no vectors of 512 bits.");

        OrthogonalKernels.Orthogonalize([zero], 5, 1e-7, A, B, C);

        Assert.Equal(0, zero.abs().max().item<float>());
    }
}
