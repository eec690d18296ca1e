using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharp.Tests.Tensors;

public sealed class InPlaceRandomTests
{
    private const int Count = 20011;

    private static readonly Dictionary<string, (Action<Tensor, Generator> Fill, double Mean, double Variance)> s_fills = new()
    {
        ["normal_"] = ((t, g) => t.normal_(2, 3, g), 2, 9),
        ["uniform_"] = ((t, g) => t.uniform_(-1, 3, g), 1, 16.0 / 12),
        ["bernoulli_"] = ((t, g) => t.bernoulli_(0.3, g), 0.3, 0.21),
        ["bernoulli_ tensor"] = ((t, g) => t.bernoulli_(full_like(t, 0.3), g), 0.3, 0.21),
        ["exponential_"] = ((t, g) => t.exponential_(2, g), 0.5, 0.25),
        ["geometric_"] = ((t, g) => t.geometric_(0.5, g), 2, 2),
        ["random_"] = ((t, g) => t.random_(0, 11, g), 5, 10),
        ["log_normal_"] = ((t, g) => t.log_normal_(0, 0.5, g), Math.Exp(0.125), (Math.Exp(0.25) - 1) * Math.Exp(0.25)),
    };

    public static readonly TheoryData<string> Names = new(s_fills.Keys);

    [Theory]
    [MemberData(nameof(Names))]
    public void Fill_ManySamples_HasTheDistributionsMoments(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        (Action<Tensor, Generator> fill, double mean, double variance) = s_fills[name];
        using Generator generator = new(31);
        Tensor t = zeros([Count], ScalarType.Float64);

        fill(t, generator);

        // Five standard errors of the mean, and a twentieth (more for the heavy tails) of the variance.
        Assert.InRange(t.mean().item<double>(), mean - 5 * Math.Sqrt(variance / Count), mean + 5 * Math.Sqrt(variance / Count));
        Assert.InRange(t.var().item<double>(), 0.9 * variance, 1.1 * variance);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Fill_SameSeed_RepeatsTheSamples(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using Generator first = new(37), second = new(37);
        Tensor a = zeros([101], ScalarType.Float64), b = zeros([101], ScalarType.Float64), next = zeros([101], ScalarType.Float64);

        s_fills[name].Fill(a, first);
        s_fills[name].Fill(b, second);
        s_fills[name].Fill(next, second);

        Assert.True(a.Equals(b));
        Assert.False(a.Equals(next));
    }

    [Fact]
    public void Multinomial_Weights_AreTheChances()
    {
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new(41);

        Tensor drawn = multinomial(tensor(new[] { 1.0, 0.0, 3.0 }), Count, replacement: true, generator);
        long[] counts = drawn.bincount(null, 3).data<long>().ToArray();

        Assert.Equal(0, counts[1]);
        Assert.InRange(counts[2] / (double)Count, 0.73, 0.77);
        Assert.Equal([0L, 2L], tensor(new[] { 1.0, 0.0, 3.0 }).multinomial(2, generator: generator).data<long>().ToArray().Order());
    }

    [Fact]
    public void Samples_ElementsAsParameters_HaveTheirMeans()
    {
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new(43);
        Tensor p = full([Count], 0.25, ScalarType.Float64);

        Assert.InRange(p.bernoulli(generator).mean().item<double>(), 0.23, 0.27);
        Assert.InRange((p * 8).poisson(generator).mean().item<double>(), 1.95, 2.05);
        Assert.InRange((p * 40).binomial(p, generator).mean().item<double>(), 2.45, 2.55);
        Assert.InRange(_standard_gamma(p * 8, generator).mean().item<double>(), 1.95, 2.05);
    }
}
