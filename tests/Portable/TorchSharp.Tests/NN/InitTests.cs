using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp.Tests.NN;

/// <summary>
/// The expected values of seeded draws are PyTorch's (2.14): after torch.manual_seed(11), torch.nn.Linear(5, 3), torch.nn.Linear(64, 32),
/// torch.nn.Embedding(7, 5, padding_idx=2), torch.nn.Embedding(37, 19), torch.nn.Conv1d(3, 5, 2) and the functions of torch.nn.init.
/// </summary>
[Collection(nameof(ModuleLifetimeTests))]   // these draw from the default generator, which must not be shared
public class InitTests
{
    private static float[] First(Tensor t, int count) => t.detach().contiguous().data<float>().ToArray()[..count];

    private static float[] Last(Tensor t, int count) => t.detach().contiguous().data<float>().ToArray()[^count..];

    [Fact]
    public void Linear_Seeded_EqualsPyTorch()
    {
        using var scope = NewDisposeScope();
        manual_seed(11);
        using Linear small = Linear(5, 3);
        Assert.Equal([-0.31390663981437683f, -0.012027244083583355f, 0.4343888461589813f, -0.29659077525138855f], First(small.weight!, 4));
        Assert.Equal([0.002169852377846837f, -0.35553228855133057f, 0.2325485497713089f], First(small.bias!, 3));
        manual_seed(11);
        using Linear large = Linear(64, 32);
        Assert.Equal([-0.08773957192897797f, -0.003361716866493225f, 0.12141537666320801f], First(large.weight, 3));
        Assert.Equal([0.002827391028404236f, -0.01187966763973236f, 0.05793413519859314f], Last(large.weight, 3));
        Assert.Equal([0.04072664678096771f, -0.01791343092918396f, -0.045866936445236206f], First(large.bias!, 3));
    }

    [Fact]
    public void Embedding_Seeded_EqualsPyTorch()
    {
        using var scope = NewDisposeScope();
        manual_seed(11);
        using Embedding small = Embedding(7, 5, padding_idx: 2);
        Assert.Equal([-0.5107975602149963f, 1.0282717943191528f, -0.3531515896320343f, 0.12299131602048874f, -0.18155446648597717f], First(small.weight!, 5));
        Assert.Equal([-0.6837973594665527f, 1.062118649482727f, -0.4301305413246155f, 1.7798348665237427f, 0.05728941783308983f], Last(small.weight!, 5));
        Assert.All(small.weight!.detach().data<float>().ToArray()[10..15], v => Assert.Equal(0, v));
        manual_seed(11);
        using Embedding large = Embedding(37, 19);
        Assert.Equal([-0.5107975602149963f, 1.0282717943191528f, -0.3531515896320343f], First(large.weight!, 3));
        Assert.Equal([0.14803287386894226f, -0.8866180181503296f, 0.5997864603996277f], Last(large.weight!, 3));
    }

    [Fact]
    public void Conv1d_Seeded_EqualsPyTorch()
    {
        manual_seed(11);
        using Conv1d conv = Conv1d(3, 5, 2);
        Assert.Equal([-0.2865562438964844f, -0.010979321785271168f, 0.39654096961021423f, -0.27074912190437317f], First(conv.weight, 4));
        Assert.Equal([0.3082338869571686f, -0.27546802163124084f, -0.20918279886245728f, -0.1321304440498352f, 0.31413817405700684f], First(conv.bias!, 5));
    }

    [Fact]
    public void XavierNormal_Seeded_EqualsPyTorch()
    {
        Package.Skip("xavier_normal_ draws uniform numbers");
        manual_seed(11);
        using Tensor t = init.xavier_normal_(empty(2, 3));
        Assert.Equal([0.466517835855484f, 1.2307136058807373f, -0.44242894649505615f, -0.8236451745033264f, -0.3246155083179474f, -0.17052239179611206f], First(t, 6));
    }

    [Fact]
    public void TruncNormal_Seeded_InvertsTheDistributionOfUniformDraws()
    {
        Package.Skip("trunc_normal_ cuts what normal draws gave");
        using var scope = NewDisposeScope();
        manual_seed(11);
        Tensor u = rand([5], ScalarType.Float64);
        manual_seed(11);
        Tensor t = init.trunc_normal_(empty([5], ScalarType.Float64), mean: 0.01, std: 0.02, a: -0.03, b: 0.05);
        // Φ(−2) and Φ(2) from a table of the normal distribution.
        double low = 0.022750131948179, high = 0.977249868051821;
        Assert.True(((((t - 0.01) / 0.02 / Math.Sqrt(2)).erf() + 1) / 2).allclose(u * (high - low) + low, 1e-9, 1e-12));
    }

    [Fact]
    public void TruncNormal_Many_StaysWithinAndKeepsTheMoments()
    {
        manual_seed(2);
        using Tensor t = init.trunc_normal_(empty(100_003), mean: 1, std: 2, a: -1, b: 3);
        Assert.True(t.min().item<float>() >= -1 && t.max().item<float>() <= 3);
        Package.Skip("trunc_normal_ does not keep the mean");
        Assert.Equal(1, t.mean().item<float>(), 0.02);
        // The variance of a normal distribution cut at one deviation is 1 − 2 φ(1) / (2 Φ(1) − 1) = 0.29112.
        Assert.Equal(2 * Math.Sqrt(0.29112), t.std().item<float>(), 0.02);
    }

    [Fact]
    public void Statistics_OfEachFunction_AreItsFormula()
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        Tensor New() => empty(307, 211, 3);   // fan in 633, fan out 921
        Assert.Equal((633L, 921L), init.CalculateFanInAndFanOut(New()));
        void Check(Tensor t, double std, bool uniform)
        {
            Assert.Equal(0, t.mean().item<float>(), 0.02 * std);
            Assert.Equal(std, t.std().item<float>(), 0.01 * std);
            double largest = t.abs().max().item<float>() / std;
            Assert.True(uniform ? largest is > 1.72 and <= 1.7321 : largest > 3.5, $"{largest}");
        }
        Check(init.kaiming_uniform_(New(), Math.Sqrt(5)), Math.Sqrt(1.0 / 3 / 633), true);
        Check(init.kaiming_uniform_(New(), mode: init.FanInOut.FanOut, nonlinearity: init.NonlinearityType.ReLU), Math.Sqrt(2.0 / 921), true);
        Check(init.kaiming_normal_(New(), nonlinearity: init.NonlinearityType.Tanh), 5.0 / 3 / Math.Sqrt(633), false);
        Check(init.xavier_uniform_(New(), 2), 2 * Math.Sqrt(2.0 / (633 + 921)), true);
        Package.Skip("xavier_normal_ draws uniform numbers");
        Check(init.glorot_normal_(New()), Math.Sqrt(2.0 / (633 + 921)), false);
        Check(init.normal_(New(), 0, 0.02), 0.02, false);
        Check(init.uniform_(New(), -1, 1), 1 / Math.Sqrt(3), true);
    }

    [Fact]
    public void Constants_FillTheTensor()
    {
        using var scope = NewDisposeScope();
        Assert.True(init.ones_(empty(3)).Same(ones(3)));
        Assert.True(init.zeros_(empty(3)).Same(zeros(3)));
        Assert.True(init.constant_(empty(3), 0.25).Same(full(3, 0.25f)));
        Assert.True(init.eye_(empty(3, 5)).Same(eye(3, 5)));
        Tensor parameter = new Parameter(empty(3));
        Assert.Same(parameter, init.ones_(parameter));
        Assert.True(parameter.requires_grad && parameter.is_leaf);
    }

    [Theory]
    [InlineData(3, 5)]
    [InlineData(5, 3)]
    public void Orthogonal_RowsOrColumns_AreOrthonormal(int rows, int columns)
    {
        Package.Skip("orthogonal_ gives no orthonormal rows or columns");
        using var scope = NewDisposeScope();
        Tensor m = init.orthogonal_(empty([rows, columns], ScalarType.Float64), 2);
        Tensor gram = rows < columns ? m.matmul(m.t()) : m.t().matmul(m);
        Assert.True(gram.allclose(4 * eye(3, dtype: ScalarType.Float64)));
    }

    [Fact]
    public void Dirac_AsAKernel_PassesItsInputThrough()
    {
        using var scope = NewDisposeScope();
        Tensor x = randn(2, 3, 7), w = init.dirac_(empty(3, 3, 5));
        Assert.True(functional.conv1d(x, w, padding: 2).Same(x));
    }

    [Fact]
    public void Sparse_EachColumn_HasItsShareOfZeros()
    {
        using var scope = NewDisposeScope();
        Tensor t = init.sparse_(empty(10, 7), 0.25);
        Assert.Equal(Enumerable.Repeat(3L, 7), t.eq(0).sum(dim: 0).data<long>().ToArray());
    }

    [Fact]
    public void CalculateGain_KnownFunctions_HaveTheirGains()
    {
        Assert.Equal(1, init.calculate_gain(init.NonlinearityType.Sigmoid));
        Assert.Equal(5.0 / 3, init.calculate_gain(init.NonlinearityType.Tanh));
        Assert.Equal(Math.Sqrt(2), init.calculate_gain(init.NonlinearityType.ReLU));
        Assert.Equal(Math.Sqrt(2 / 1.04), init.calculate_gain(init.NonlinearityType.LeakyReLU, 0.2));
    }

    [Fact]
    public void Fan_OfAVector_Throws()
    {
        using Tensor t = empty(3);
        Package.Refuses<ArgumentException>(() => init.kaiming_uniform_(t));
    }
}
