using PreTrain.Modules;
using PreTrain.Tests.Torch.Cpu;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

[Collection(nameof(RunsAlone))]
public sealed class CounterDropoutTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public CounterDropoutTests() => Kernels.SkipWithoutKernels();

    public void Dispose() => _scope.Dispose();

    /// <summary>The factor of each element, by the algorithm as it is written.</summary>
    private static double[] Factors(DropoutMask mask, int count) =>
        [.. Enumerable.Range(0, count).Select(i => PhiloxTests.Numbers(mask.Key, (ulong)(i / Philox.BlockSize))[i % Philox.BlockSize] >= mask.Threshold ? (double)mask.Scale : 0)];

    [Theory]
    [InlineData(1, 0.5, ScalarType.Float32)]
    [InlineData(31, 0.1, ScalarType.Float32)]
    [InlineData(32, 0.9, ScalarType.Float32)]
    [InlineData(2077, 0.3, ScalarType.Float32)]
    [InlineData(2077, 0.25, ScalarType.BFloat16)]
    public void Apply_Elements_AreKeptByTheirPlaceAlone(int count, double probability, ScalarType type)
    {
        manual_seed(7);
        DropoutMask mask = DropoutMask.Draw(probability);
        Tensor x = Leaf(Normal([count], 3), type), dy = Normal([count], 5).to(type);

        foreach (int threads in new[] { 1, 2 })
        {
            int before = get_num_threads();
            set_num_threads(threads);
            manual_seed(7);
            Tensor y = CounterDropout.Apply(x, probability);
            x.grad = null;
            y.backward([dy]);
            set_num_threads(before);

            double[] factors = Factors(mask, count);
            double rounding = type == ScalarType.BFloat16 ? BFloat16Rounding : Float32Rounding;
            AssertClose([.. Doubles(x).Zip(factors, (a, f) => a * f)], Doubles(y), 1, rounding, "result");
            AssertClose([.. Doubles(dy).Zip(factors, (a, f) => a * f)], Doubles(x.grad!), 1, rounding, "gradient");
        }
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.5)]
    [InlineData(0.97)]
    public void Apply_ManyElements_AreDroppedAsOftenAsSaidAndIndependently(double probability)
    {
        const int Count = 1 << 20;
        manual_seed(11);
        double[] first = Doubles(CounterDropout.Apply(ones(Count), probability)), second = Doubles(CounterDropout.Apply(ones(Count), probability));

        double deviation = Math.Sqrt(Count * probability * (1 - probability));
        foreach (double[] one in new[] { first, second }) Assert.Equal(Count * probability, one.Count(x => x == 0), 5 * deviation);
        // Of two independent events both happen with the product of their probabilities: neighbours in one mask, and the same place of two.
        double both = Count * probability * probability, spread = Math.Sqrt(both);
        Assert.Equal(both, first.Zip(first.Skip(1)).Count(pair => pair.First == 0 && pair.Second == 0), 8 * spread);
        Assert.Equal(both, first.Zip(first.Skip(16)).Count(pair => pair.First == 0 && pair.Second == 0), 8 * spread);
        Assert.Equal(both, first.Zip(second).Count(pair => pair.First == 0 && pair.Second == 0), 8 * spread);
    }

    [Fact]
    public void Apply_NothingOrAll_IsTheSameOrZero()
    {
        Tensor x = Normal([5, 7], 3);

        Assert.Same(x, CounterDropout.Apply(x, 0));
        Assert.All(Doubles(CounterDropout.Apply(x, 1)), y => Assert.Equal(0, y));
        Assert.Equal([0L, 7], CounterDropout.Apply(zeros(0, 7), 0.5).shape);
    }

    [Fact]
    public void Apply_ForwardAndBackward_LeavesNoTensors()
    {
        Tensor x = Leaf(Normal([7, 19], 3), ScalarType.Float32);
        Step();
        long before = LiveTensors.Count();

        Step();

        Assert.Equal(before, LiveTensors.Count());

        void Step()
        {
            using (NewDisposeScope()) CounterDropout.Apply(x, 0.5).sum().backward();
            x.grad!.Dispose();
            x.grad = null;
        }
    }
}
