using PreTrain.Modules;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

[Collection(nameof(RunsAlone))]
public sealed class SinusoidalPositionsTests
{
    [Theory]
    [InlineData(6)]
    [InlineData(7)]
    public void Add_Positions_AddsSinesAndThenCosines(int width)
    {
        using DisposeScope scope = NewDisposeScope();
        using var positions = new SinusoidalPositions(width);
        Tensor x = Normal([3, width], 3);
        long[] places = [2, 11, 0];
        int sines = (width + 1) / 2;

        foreach (int highest in new[] { 11, 40 })   // a longer table begins with the shorter one
        {
            double[] added = Doubles(positions.Add(x, tensor(places), highest)), before = Doubles(x);

            for (int i = 0; i < added.Length; i++)
            {
                int column = i % width, pair = column < sines ? column : column - sines;
                double angle = places[i / width] * Math.Exp(-Math.Log(10_000) * 2 * pair / width);
                Assert.Equal(before[i] + (column < sines ? Math.Sin(angle) : Math.Cos(angle)), added[i], 1e-6);
            }
        }
    }

    [Fact]
    public void Add_InBFloat16_StaysThere_AndDisposeFreesTheTable()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = zeros([2, 5], dtype: ScalarType.BFloat16), places = tensor(new long[] { 1, 3 });
        long before = LiveTensors.Count();
        using (var positions = new SinusoidalPositions(5))
        {
            using Tensor y = positions.Add(x, places, 3);
            Assert.Equal(ScalarType.BFloat16, y.dtype);
            Assert.Equal(before + 2, Tensor.TotalCount);
        }
        Assert.Equal(before, Tensor.TotalCount);
        Assert.Throws<ArgumentOutOfRangeException>(() => new SinusoidalPositions(0));
    }
}
