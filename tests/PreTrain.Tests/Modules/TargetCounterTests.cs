using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

public sealed class TargetCounterTests
{
    [Theory]
    [InlineData(1 << 20)]
    [InlineData(13 * 4 * 5)]
    [InlineData(1)]
    public void Count_AnyChunks_IsTheShareOfTheHighestScores(long bytes)
    {
        using DisposeScope scope = NewDisposeScope();
        using var random = new Generator(5, CPU);
        Tensor rows = randn([17, 7], generator: random), weight = randn([13, 7], generator: random);
        long[] best = rows.matmul(weight.t()).argmax(1).data<long>().ToArray();
        long[] targets = [.. best.Select((b, i) => i % 4 == 0 ? CrossEntropy.Ignored : i % 3 == 0 ? (b + 1) % 13 : b)];
        long counted = targets.LongCount(t => t != CrossEntropy.Ignored), right = targets.Where((t, i) => t == best[i]).LongCount();

        using var counter = new TargetCounter();
        using (no_grad()) ChunkedCrossEntropy.Apply(rows, weight, null, tensor(targets), 1, bytes);

        Assert.True(right > 0 && right < counted);
        Assert.Equal((counted, right), (counter.Targets, counter.Right));
    }

    [Fact]
    public void Count_InnerCounter_LeavesTheOuterAlone()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor scores = tensor(new float[,] { { 1, 2 }, { 3, 1 } }), targets = tensor(new long[] { 1, 1 });
        using var outer = new TargetCounter();
        using (var inner = new TargetCounter())
        {
            TargetCounter.Count(scores, targets);
            Assert.Equal((2, 1), (inner.Targets, inner.Right));
        }
        Assert.Equal(0, outer.Targets);
        TargetCounter.Count(scores, targets);
        Assert.Equal(2, outer.Targets);
    }

    [Fact]
    public void Count_NoCounter_LooksAtNothing() => TargetCounter.Count(null!, null!);
}
