// M rows, N columns, K the axis that is summed over
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Torch.Cpu;

/// <summary>Factors of −1, 0 and 1 over at most 256 places have sums that bfloat16 holds, so that every product here is exact.</summary>
[Collection(nameof(RunsAlone))]
public sealed class TileProductTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public TileProductTests() => Assert.SkipUnless(MatrixUnit.IsSupported, "This processor has no matrix unit (AMX), or the provider cannot use it; torch's own operators are used.");

    public void Dispose() => _scope.Dispose();

    private static Tensor Signs(long seed, params long[] shape)
    {
        using Generator generator = new((ulong)seed);
        return randint(-1, 2, shape, dtype: ScalarType.BFloat16, generator: generator);
    }

    private static Tensor Wide(Tensor t) => t.to(ScalarType.Float64);

    private static void AssertEqual(Tensor expected, Tensor actual) => Assert.True(Wide(actual).equal(expected).all().item<bool>());

    [Theory]
    [InlineData(64, 32, 32)]
    [InlineData(97, 251, 61)]     // nothing is a multiple of a tile
    [InlineData(1031, 193, 33)]
    [InlineData(67, 34, 1733)]    // more columns than one block holds
    public void Linear_ExactFactors_IsTheProduct(long m, long k, long n)
    {
        Tensor x = Signs(1, m, k), w = Signs(2, n, k), bias = Signs(3, n);
        AssertEqual(Wide(x).matmul(Wide(w).t()) + Wide(bias), TileProduct.Linear(x, w, bias));
        AssertEqual(Wide(x).matmul(Wide(w).t()), TileProduct.Linear(x, w, null));
    }

    [Theory]
    [InlineData(64, 32, 32)]
    [InlineData(97, 251, 61)]
    [InlineData(67, 34, 1733)]
    public void Product_ExactFactors_IsTheProduct(long m, long k, long n)
    {
        Tensor a = Signs(1, m, k), b = Signs(2, k, n);
        AssertEqual(Wide(a).matmul(Wide(b)), TileProduct.Product(a, b));
    }

    [Theory]
    [InlineData(32, 64, 32)]
    [InlineData(97, 241, 61)]
    public void AddTransposed_ExactFactors_AddsTheProduct(long m, long k, long n)
    {
        Tensor a = Signs(1, k, m), b = Signs(2, k, n), sum = Signs(3, m, n) * 7;
        Tensor expected = Wide(sum) + Wide(a).t().matmul(Wide(b));
        TileProduct.AddTransposed(sum, a, b);
        AssertEqual(expected, sum);
    }

    /// <summary>K in several blocks: one factor in twenty is not zero, so that sums stay small.</summary>
    [Fact]
    public void AddTransposed_LongInnerAxis_AddsTheProduct()
    {
        using Generator generator = new(7);
        Tensor a = Signs(1, 4099, 131) * rand([4099, 131], generator: generator).lt(0.05).to(ScalarType.BFloat16), b = Signs(2, 4099, 421), sum = zeros([131, 421], dtype: ScalarType.BFloat16);
        Tensor expected = Wide(a).t().matmul(Wide(b));
        Assert.True(expected.abs().max().item<double>() <= 256);
        TileProduct.AddTransposed(sum, a, b);
        AssertEqual(expected, sum);
    }

    [Theory]
    [InlineData(2, 32, 32)]
    [InlineData(3, 101, 48)]
    [InlineData(5, 17, 16)]
    public void Causal_ExactFactors_IsTheProductOfWhatTheMaskLeaves(long count, long length, long head)
    {
        Tensor q = Signs(1, count, length, head), k = Signs(2, count, length, head);
        AssertEqual(Wide(q).matmul(Wide(k).transpose(1, 2)).tril(), TileProduct.Causal(q, k, TileProduct.Triangle.Result).tril());
        Tensor weights = Signs(3, count, length, length).tril();
        AssertEqual(Wide(weights).matmul(Wide(k)), TileProduct.Causal(weights, k, TileProduct.Triangle.Left));
        AssertEqual(Wide(weights).transpose(1, 2).matmul(Wide(k)), TileProduct.Causal(weights, k, TileProduct.Triangle.LeftTransposed));
    }

    [Fact]
    public void Linear_RandomFactors_RoundsSumsOf32Bits()
    {
        using Generator generator = new(11);
        Tensor x = randn([70, 1100], generator: generator).to(ScalarType.BFloat16), w = randn([90, 1100], generator: generator).to(ScalarType.BFloat16);
        Tensor exact = Wide(x).matmul(Wide(w).t()), magnitude = Wide(x).abs().matmul(Wide(w).abs().t());
        Tensor error = (Wide(TileProduct.Linear(x, w, null)) - exact).abs();
        // Half a unit in the last of bfloat16's 8 places, and the rounding of 1100 sums in 24.
        Assert.True(error.le(exact.abs() * Math.Pow(2, -8) + magnitude * (1100 * Math.Pow(2, -24))).all().item<bool>());
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public unsafe void Pack_PartsOfAMatrix_PlacesEveryElement(bool isInnerContiguous, bool isInnerAlong)
    {
        const int Width = 40;
        ushort* tile = stackalloc ushort[512];
        foreach (var (outer, inner) in new[] { (16, 32), (16, 7), (3, 32), (5, 1), (0, 32) })
        {
            ushort[] source = [.. Enumerable.Range(1, Width * Width).Select(i => (ushort)i)];
            fixed (ushort* p = source) TilePacking.Pack((byte*)p, Width * 2, isInnerContiguous, outer, inner, isInnerAlong, (byte*)tile);
            for (int x = 0; x < 16; x++)
            {
                for (int k = 0; k < 32; k++)
                {
                    int expected = x >= outer || k >= inner ? 0 : isInnerContiguous ? source[x * Width + k] : source[k * Width + x];
                    Assert.Equal(expected, isInnerAlong ? tile[x * 32 + k] : tile[k / 2 * 32 + x * 2 + k % 2]);
                }
            }
        }
    }
}
