using PreTrain.Modules;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

[Collection(nameof(RunsAlone))]
public sealed class ActivationsTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    public static TheoryData<Activation, int> Cases
    {
        get
        {
            var data = new TheoryData<Activation, int>();
            foreach (Activation activation in Enum.GetValues<Activation>())
            {
                data.Add(activation, 7);
                data.Add(activation, 16);   // whole registers
            }
            return data;
        }
    }

    internal static double Plain(Activation activation, double x) => activation switch
    {
        Activation.Gelu => x * NormalDistribution(x),
        Activation.GeluTanh => x / 2 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
        Activation.Relu => Math.Max(0, x),
        Activation.Silu => x / (1 + Math.Exp(-x)),
        Activation.SquaredRelu => Math.Max(0, x) * Math.Max(0, x),
        _ => Math.Tanh(x),
    };

    /// <summary>Φ(x) by its series (Abramowitz and Stegun 1964, 26.2.11).</summary>
    internal static double NormalDistribution(double x)
    {
        double term = x, sum = x;
        for (int n = 1; n < 400; n++) sum += term *= x * x / (2 * n + 1);
        return 0.5 + sum * Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Apply_WithBias_IsTheFormulaAndItsGradient(Activation activation, int columns) =>
        Kernels.AssertGradientsAreDifferences(
            t => Activations.Apply(activation, t[0], t[1]),
            t => [.. t[0].Select((x, i) => Plain(activation, x + t[1][i % columns]))],
            [Normal([5, columns], 3, 2), Normal([columns], 5)], 64);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Apply_WithoutBias_IsTheFormulaAndItsGradient(Activation activation, int columns) =>
        Kernels.AssertGradientsAreDifferences(
            t => Activations.Apply(activation, t[0]), t => [.. t[0].Select(x => Plain(activation, x))], [Normal([5, columns], 3, 2)], 64);

    [Fact]
    public void OfName_NameOfEach_IsIt() => Assert.All(Enum.GetValues<Activation>(), activation => Assert.Equal(activation, Activations.OfName(Activations.NameOf(activation))));
}
