using PreTrain.Torch.Cpu;
using TorchSharp;

namespace PreTrain.Tests.Torch.Cpu;

[Collection(nameof(RunsAlone))]
public sealed class ParallelLoopTests : IDisposable
{
    private readonly int _threads = torch.get_num_threads();

    public void Dispose() => torch.set_num_threads(_threads);

    [Theory]
    [InlineData(1, 0)]
    [InlineData(1, 37)]
    [InlineData(2, 0)]
    [InlineData(2, 1)]
    [InlineData(2, 37)]
    public void For_AnyThreads_CallsEachChunkOnce(int threads, int chunks)
    {
        torch.set_num_threads(threads);
        var calls = new int[chunks];

        ParallelLoop.For(chunks, chunk => Interlocked.Increment(ref calls[chunk]));

        Assert.All(calls, count => Assert.Equal(1, count));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void For_ChunkThatThrows_ThrowsTheSame(int threads)
    {
        torch.set_num_threads(threads);

        var e = Assert.Throws<InvalidDataException>(() => ParallelLoop.For(37, chunk =>
        {
            if (chunk == 23) throw new InvalidDataException("chunk 23");
        }));

        Assert.Equal("chunk 23", e.Message);
    }

    [Fact]
    public void For_TwoThreads_WorksOnBoth()
    {
        torch.set_num_threads(2);
        using var both = new Barrier(2);

        // Each of two chunks waits for the other: one thread alone would wait in vain.
        ParallelLoop.For(2, _ => Assert.True(both.SignalAndWait(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken)));
    }

    [Theory]
    [InlineData(0, 16, 1)]
    [InlineData(1, 16, 1)]
    [InlineData(16, 16, 1)]
    [InlineData(17, 16, 2)]
    [InlineData(1_000_003, 16, 64)]
    public void Chunks_AnyRows_AreAtLeastTheGrain(long rows, long grain, int expected)
    {
        int chunks = ParallelLoop.Chunks(rows, grain);

        Assert.Equal(expected, chunks);
        long next = 0;
        for (int chunk = 0; chunk < chunks; chunk++)
        {
            var (from, to) = ParallelLoop.Range(rows, chunks, chunk);
            Assert.Equal(next, from);
            Assert.InRange(to - from, rows / chunks, rows / chunks + 1);
            next = to;
        }
        Assert.Equal(rows, next);
    }
}
