using PreTrain.Modules;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

[Collection(nameof(RunsAlone))]
public sealed class SinusoidalGridTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData(10_000)]
    [InlineData(100)]
    public void Create_EveryPlace_IsTheFormula(double frequencyBase)
    {
        const int Height = 3, Width = 5, Dim = 28;
        double[] table = Doubles(SinusoidalGrid.Create(Height, Width, Dim, frequencyBase));

        Assert.Equal(Height * Width * Dim, table.Length);
        for (int y = 0; y < Height; y++)
        {
            for (int x = 0; x < Width; x++)
            {
                for (int i = 0; i < Dim / 4; i++)
                {
                    double frequency = 1 / Math.Pow(frequencyBase, 4.0 * i / Dim);
                    int at = (y * Width + x) * Dim + i;
                    Assert.Equal(Math.Sin(x * frequency), table[at], 1e-6);
                    Assert.Equal(Math.Cos(x * frequency), table[at + Dim / 4], 1e-6);
                    Assert.Equal(Math.Sin(y * frequency), table[at + Dim / 2], 1e-6);
                    Assert.Equal(Math.Cos(y * frequency), table[at + 3 * Dim / 4], 1e-6);
                }
            }
        }
    }

    [Fact]
    public void Create_FaultyArguments_Throws()
    {
        var width = Assert.Throws<ArgumentOutOfRangeException>(() => SinusoidalGrid.Create(3, 3, 6));
        var frequency = Assert.Throws<ArgumentOutOfRangeException>(() => SinusoidalGrid.Create(3, 3, 8, 0));

        Assert.StartsWith("The width of the embedding (6) must be positive and divisible by 4.", width.Message, StringComparison.Ordinal);
        Assert.StartsWith("The base (0) must be positive.", frequency.Message, StringComparison.Ordinal);
    }
}
