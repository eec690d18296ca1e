using PreTrain.Data;

namespace PreTrain.Tests.Data;

public sealed class BatchPrefetcherTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly TokenStore store;

    public BatchPrefetcherTests() =>
        store = TokenStore.Build([string.Concat(Enumerable.Range(0, 256).Select(i => (char)i))], new CharTokenizer(), folder.File("s"));

    public void Dispose()
    {
        store.Dispose();
        folder.Dispose();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Next_ManyBatches_AreThoseOfTheSamplerWithItsState(int capacity)
    {
        var sampler = new WindowSampler(store.All, 7, 3);
        var untouched = sampler.State;
        using var prefetcher = new BatchPrefetcher(sampler, 5, capacity);
        var direct = new WindowSampler(store.All, 7, 3);
        var inputs = new long[35];
        var targets = new long[35];
        Assert.Equal(direct.State, prefetcher.State);

        for (var step = 0; step < 200; step++)
        {
            var batch = prefetcher.Next(TestContext.Current.CancellationToken);
            direct.Fill(inputs, targets, 5);

            Assert.Equal(inputs, batch.Inputs);
            Assert.Equal(targets, batch.Targets);
            Assert.Equal((5, 7), (batch.BatchSize, batch.ContextLength));
            Assert.Equal(direct.State, prefetcher.State);
        }
        Assert.Equal(untouched, sampler.State);
    }

    [Fact]
    public void State_AfterSomeBatches_ResumesWithTheNext()
    {
        SamplerState state;
        long[] expected;
        using (var prefetcher = new BatchPrefetcher(new WindowSampler(store.All, 7, 3), 5))
        {
            for (var step = 0; step < 13; step++)
                prefetcher.Next(TestContext.Current.CancellationToken);
            state = prefetcher.State;
            expected = [.. prefetcher.Next(TestContext.Current.CancellationToken).Inputs];
        }

        using var resumed = new BatchPrefetcher(new WindowSampler(store.All, 7, 0) { State = state }, 5);

        Assert.Equal(expected, resumed.Next(TestContext.Current.CancellationToken).Inputs);
    }

    [Fact]
    public void Next_Cancelled_LosesNoBatch()
    {
        using var prefetcher = new BatchPrefetcher(new WindowSampler(store.All, 7, 3), 5);
        long[] expected = new long[35];
        new WindowSampler(store.All, 7, 3).Fill(expected, new long[35], 5);

        Assert.ThrowsAny<OperationCanceledException>(() => prefetcher.Next(new CancellationToken(canceled: true)));

        Assert.Equal(new SamplerState(3, 0, 0), prefetcher.State);
        Assert.Equal(expected, prefetcher.Next(TestContext.Current.CancellationToken).Inputs);
    }

    [Fact]
    public void Next_ReadingFails_ThrowsThatException()
    {
        using var prefetcher = new BatchPrefetcher(new WindowSampler(store.All, 7, 3), 5, capacity: 2);
        prefetcher.Next(TestContext.Current.CancellationToken);
        store.Dispose();

        Assert.Throws<ObjectDisposedException>(() =>
        {
            for (var step = 0; step < 10; step++)
                prefetcher.Next(TestContext.Current.CancellationToken);
        });
        Assert.False(prefetcher.State.Position == 0);
    }

    [Fact]
    public void Next_AfterDispose_Throws()
    {
        var prefetcher = new BatchPrefetcher(new WindowSampler(store.All, 7, 3), 5);
        prefetcher.Dispose();
        prefetcher.Dispose();

        Assert.Throws<ObjectDisposedException>(() => prefetcher.Next(TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Constructor_NotPositive_Throws()
    {
        var sampler = new WindowSampler(store.All, 7, 3);

        Assert.StartsWith("batchSize (0) must be at least 1.", Assert.Throws<ArgumentOutOfRangeException>(() => new BatchPrefetcher(sampler, 0)).Message);
        Assert.StartsWith("capacity (0) must be at least 1.", Assert.Throws<ArgumentOutOfRangeException>(() => new BatchPrefetcher(sampler, 5, 0)).Message);
    }
}
