using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using F = TorchSharp.torch.nn.functional;

namespace TorchSharp.Tests.NN;

public class ActivationTests
{
    private static readonly double[] s_points = [-25, -4, -3, -1.5, -0.7, -0.2, 0, 0.2, 0.7, 1.5, 3, 4, 25];

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    private static double Softplus(double x) => Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x)));

    public static TheoryData<string> Names => [.. Cases.Keys];

    private static Dictionary<string, (Func<Module<Tensor, Tensor>> Module, Func<double, double> Formula)> Cases => new()
    {
        ["ReLU"] = (() => ReLU(), x => Math.Max(x, 0)),
        ["ReLU6"] = (() => ReLU6(), x => Math.Clamp(x, 0, 6)),
        ["SiLU"] = (() => SiLU(), x => x * Sigmoid(x)),
        ["Mish"] = (() => Mish(), x => x * Math.Tanh(Softplus(x))),
        ["Sigmoid"] = (() => nn.Sigmoid(), Sigmoid),
        ["Tanh"] = (() => Tanh(), Math.Tanh),
        ["Tanhshrink"] = (() => Tanhshrink(), x => x - Math.Tanh(x)),
        ["Softsign"] = (() => Softsign(), x => x / (1 + Math.Abs(x))),
        ["SELU"] = (() => SELU(), x => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * (Math.Exp(x) - 1))),
        ["Hardswish"] = (() => Hardswish(), x => x * Math.Clamp(x + 3, 0, 6) / 6),
        ["Hardsigmoid"] = (() => Hardsigmoid(), x => Math.Clamp(x + 3, 0, 6) / 6),
        ["ELU"] = (() => ELU(1.3), x => x > 0 ? x : 1.3 * (Math.Exp(x) - 1)),
        ["CELU"] = (() => CELU(1.3), x => Math.Max(x, 0) + Math.Min(0, 1.3 * (Math.Exp(x / 1.3) - 1))),
        ["LeakyReLU"] = (() => LeakyReLU(0.07), x => x > 0 ? x : 0.07 * x),
        ["RReLU"] = (() => RReLU(0.1, 0.3), x => x > 0 ? x : 0.2 * x),
        ["Hardtanh"] = (() => Hardtanh(-0.5, 2), x => Math.Clamp(x, -0.5, 2)),
        ["Threshold"] = (() => Threshold(0.5, -7), x => x > 0.5 ? x : -7),
        ["Hardshrink"] = (() => Hardshrink(0.6), x => Math.Abs(x) > 0.6 ? x : 0),
        ["Softshrink"] = (() => Softshrink(0.6), x => x > 0.6 ? x - 0.6 : x < -0.6 ? x + 0.6 : 0),
        ["Softplus"] = (() => nn.Softplus(2, 20), x => 2 * x > 20 ? x : Softplus(2 * x) / 2),
        ["LogSigmoid"] = (() => LogSigmoid(), x => -Softplus(-x)),
        ["GELU tanh"] = (() => GELU(Modules.GELU.Approximate.tanh), x => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)))),
        ["PReLU"] = (() => PReLU(1, 0.3, dtype: ScalarType.Float64), x => x > 0 ? x : (float)0.3 * x),
    };

    [Theory]
    [MemberData(nameof(Names))]
    public void Module_OnPoints_FollowsItsFormula(string name)
    {
        if (name is "Hardtanh") Package.Skip("hardtanh leaves its input as it is");
        using var scope = NewDisposeScope();
        var (make, formula) = Cases[name];
        using Module<Tensor, Tensor> module = make();
        Tensor x = tensor(s_points);
        Reference.Close([.. s_points.Select(formula)], module.call(x), 1e-7);
        Assert.Equal(s_points, Reference.Values(x));
    }

    [Fact]
    public void Gelu_Exact_UsesTheNormalDistribution()
    {
        using var scope = NewDisposeScope();
        // Φ(−1), Φ(0.5), Φ(2) from a table of the normal distribution.
        Reference.Close([-1 * 0.15865525393145707, 0.5 * 0.6914624612740131, 2 * 0.9772498680518208], F.gelu(tensor(new[] { -1.0, 0.5, 2.0 })), 1e-12);
        Assert.True(F.gelu(tensor(s_points)).Same(GELU().call(tensor(s_points))));
    }

    [Fact]
    public void InPlace_WritesTheInput_AndReturnsAnotherObject()
    {
        Package.Skip("some activations leave their input as it is");
        using var scope = NewDisposeScope();
        Func<Tensor, Tensor>[] functions =
        [
            x => F.relu(x, true), x => F.gelu(x, true), x => F.silu(x, true), x => F.tanh(x, true), x => F.sigmoid(x, true), x => F.elu(x, 1, true), x => F.leaky_relu(x, 0.1, true),
            x => F.softsign(x, true), x => F.tanhshrink(x, true), x => F.mish(x, true), x => F.hardswish(x, true), x => F.gelu(x, Modules.GELU.Approximate.tanh, true),
        ];
        foreach (Func<Tensor, Tensor> f in functions)
        {
            Tensor x = tensor(s_points);
            Tensor y = f(x);
            Assert.NotSame(x, y);
            Assert.True(x.Same(y));
            Assert.False(x.Same(tensor(s_points)));
        }
    }

    [Fact]
    public void Softmax_OverAnAxis_SumsToOneAndMatchesLoop()
    {
        using var scope = NewDisposeScope();
        Tensor x = randn([3, 5, 2], ScalarType.Float64);
        double[] v = Reference.Values(x), expected = new double[v.Length];
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 2; k++)
            {
                double sum = 0;
                for (int j = 0; j < 5; j++) sum += Math.Exp(v[(i * 5 + j) * 2 + k]);
                for (int j = 0; j < 5; j++) expected[(i * 5 + j) * 2 + k] = Math.Exp(v[(i * 5 + j) * 2 + k]) / sum;
            }
        Reference.Close(expected, F.softmax(x, 1), 1e-12);
        Reference.Close(expected, Softmax(1).call(x), 1e-12);
        Reference.Close(expected, Softmin(1).call(-x), 1e-12);
        Reference.Close([.. expected.Select(e => Math.Log(e))], LogSoftmax(-2).call(x), 1e-12);
        Assert.True(Softmax2d().call(x).Same(F.softmax(x, -3)));
        Assert.Equal(ScalarType.Float32, F.softmax(x, 0, ScalarType.Float32).dtype);
    }

    [Fact]
    public void Glu_HalvesTheAxis()
    {
        using var scope = NewDisposeScope();
        Reference.Close([1 * Sigmoid(3), 2 * Sigmoid(-5)], GLU().call(tensor(new[] { 1.0, 2, 3, -5 })), 1e-12);
    }
}
