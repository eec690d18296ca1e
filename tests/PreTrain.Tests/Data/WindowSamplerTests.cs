using FsCheck;
using FsCheck.Fluent;
using PreTrain.Data;

namespace PreTrain.Tests.Data;

public sealed class WindowSamplerTests : IDisposable
{
    private const int VocabSize = 1031;

    private readonly TemporaryFolder folder = new();
    private readonly TokenStore store;

    // Token i is i, so that a window shows where it was cut.
    public WindowSamplerTests() =>
        store = TokenStore.Build([string.Concat(Enumerable.Range(0, VocabSize - 1).Select(i => (char)i))], new CharTokenizer(VocabSize), folder.File("s"));

    public void Dispose()
    {
        store.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void Fill_AnyEpoch_VisitsEveryWindowOnce()
    {
        var offsets = new HashSet<long>();
        var sampler = new WindowSampler(store.All, contextLength: 13, seed: 5);
        for (var epoch = 0; epoch < 20; epoch++)
        {
            var count = sampler.WindowsInEpoch;
            var starts = new List<long>();
            for (var i = 0; i < count; i++)
            {
                Assert.Equal(new SamplerState(5, epoch, i), sampler.State);
                starts.Add(Draw(sampler, 1)[0]);
            }
            var sorted = starts.Order().ToList();
            var offset = sorted[0];
            offsets.Add(offset);
            Assert.InRange(offset, 0, 12);
            Assert.Equal(Enumerable.Range(0, (int)count).Select(i => offset + 13L * i), sorted);
            Assert.InRange(store.Count - 1 - (sorted[^1] + 13), 0, 12); // no further window would fit
            Assert.NotEqual(sorted, starts);
        }
        Assert.True(offsets.Count > 5, "Windows are always cut at the same places.");
    }

    [Fact]
    public void Fill_Targets_AreTheNextTokens()
    {
        var sampler = new WindowSampler(store.All.Slice(101, 307), 17, 3);
        var inputs = new long[17 * 5];
        var targets = new long[17 * 5];

        sampler.Fill(inputs, targets, 5);

        for (var row = 0; row < 5; row++)
        {
            Assert.Equal(Enumerable.Range(0, 17).Select(t => inputs[row * 17] + t), inputs.Skip(row * 17).Take(17));
            Assert.Equal(inputs.Skip(row * 17).Take(17).Select(token => token + 1), targets.Skip(row * 17).Take(17));
        }
        Assert.All(targets, token => Assert.InRange(token, 102, 101 + 307 - 1));
    }

    [Fact]
    public void Fill_AnySplitIntoBatches_DrawsTheSame()
    {
        Prop.ForAll<ulong, PositiveInt[]>((seed, sizes) =>
        {
            var batches = sizes.Select(size => size.Get % 23 + 1).ToList();
            var split = new WindowSampler(store.All, 13, seed);
            var whole = new WindowSampler(store.All, 13, seed);
            var drawn = batches.SelectMany(size => Draw(split, size)).ToList();
            return drawn.SequenceEqual(batches.Count == 0 ? [] : Draw(whole, batches.Sum())) && split.State == whole.State;
        }).Check(Config.QuickThrowOnFailure.WithQuietOnSuccess(true));
    }

    [Fact]
    public void State_SetOnANewSampler_GoesOnLikeTheFormer()
    {
        Prop.ForAll<ulong, NonNegativeInt, PositiveInt>((seed, before, after) =>
        {
            var uninterrupted = new WindowSampler(store.All, 11, seed);
            if (before.Get > 0)
                Draw(uninterrupted, before.Get);
            var resumed = new WindowSampler(store.All, 11, seed: 99) { State = uninterrupted.State };
            return Draw(resumed, after.Get).SequenceEqual(Draw(uninterrupted, after.Get)) && resumed.State == uninterrupted.State;
        }).Check(Config.QuickThrowOnFailure.WithQuietOnSuccess(true));
    }

    [Fact]
    public void State_FarAway_IsReachedAtOnce()
    {
        var sampler = new WindowSampler(store.All, 11, 1) { State = new SamplerState(2, 1_000_000_000_000, 5) };

        Draw(sampler, 3);

        Assert.Equal(new SamplerState(2, 1_000_000_000_000, 8), sampler.State);
    }

    [Fact]
    public void Fill_SameSeed_DrawsTheSame_OtherSeed_DoesNot()
    {
        var first = Draw(new WindowSampler(store.All, 7, 1), 50);

        Assert.Equal(first, Draw(new WindowSampler(store.All, 7, 1), 50));
        Assert.NotEqual(first, Draw(new WindowSampler(store.All, 7, 2), 50));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 5)]
    public void Prefetch_AnyWorkers_HandsOutTheSamplersOrderAndStates(int workers, int capacity)
    {
        var sampler = new WindowSampler(store.All, contextLength: 13, seed: 3) { State = new(3, 1, 17) };
        using var batches = sampler.Prefetch(5, workers, capacity);
        var direct = new WindowSampler(store.All, contextLength: 13, seed: 3) { State = new(3, 1, 17) };
        var (inputs, targets) = (new long[65], new long[65]);
        for (var step = 0; step < 61; step++)
        {
            Assert.Equal(direct.State, batches.State);
            var batch = batches.Next(TestContext.Current.CancellationToken);
            direct.Fill(inputs, targets, 5);
            Assert.Equal(inputs, batch.Inputs);
            Assert.Equal(targets, batch.Targets);
            Assert.Equal((5, 13), (batch.BatchSize, batch.ContextLength));
        }
        Assert.Equal(new SamplerState(3, 1, 17), sampler.State);
        Assert.StartsWith("batchSize (0) must be at least 1.", Assert.Throws<ArgumentOutOfRangeException>(() => sampler.Prefetch(0)).Message);
    }

    [Fact]
    public void Prefetch_StoreDisposed_FailsWhoeverTakes()
    {
        using var batches = new WindowSampler(store.All, contextLength: 13, seed: 3).Prefetch(5, capacity: 1);
        store.Dispose();

        Assert.Throws<ObjectDisposedException>(() =>
        {
            for (var step = 0; step < 3; step++)
                batches.Next(TestContext.Current.CancellationToken);
        });
    }

    [Theory]
    [InlineData(14, 13)]
    [InlineData(15, 13)]
    [InlineData(2, 1)]
    public void Fill_HardlyOneWindow_DrawsItAgainAndAgain(int tokens, int contextLength)
    {
        var sampler = new WindowSampler(store.All.Slice(0, tokens), contextLength, 1);

        var starts = Draw(sampler, 40);

        Assert.Equal(Enumerable.Range(0, tokens - contextLength).Select(i => (long)i), starts.Distinct().Order());
        Assert.Equal(40, sampler.State.Epoch);
    }

    [Fact]
    public void Constructor_RangeShorterThanOneWindow_Throws()
    {
        var e = Assert.Throws<CorpusException>(() => new WindowSampler(store.All.Slice(0, 13), 13, 1));

        Assert.Equal("The range holds 13 tokens; one window of contextLength (13) takes 14. Use more text or a shorter context.", e.Message);
    }

    [Fact]
    public void Constructor_ContextLengthNotPositive_Throws()
    {
        var e = Assert.Throws<ArgumentOutOfRangeException>(() => new WindowSampler(store.All, 0, 1));

        Assert.StartsWith("contextLength (0) must be at least 1; it is the number of input tokens of a window.", e.Message);
    }

    [Fact]
    public void State_OfOtherData_IsRefusedAndChangesNothing()
    {
        var sampler = new WindowSampler(store.All, 13, 5);
        Draw(sampler, 3);

        var e = Assert.Throws<ArgumentException>(() => sampler.State = new SamplerState(5, 0, 1000));
        Assert.StartsWith($"Position (1000) must be at least 0 and less than the {sampler.WindowsInEpoch} windows of epoch 0.", e.Message);
        Assert.Throws<ArgumentException>(() => sampler.State = new SamplerState(5, -1, 0));
        Assert.Throws<ArgumentException>(() => sampler.State = new SamplerState(5, 0, -1));

        Assert.Equal(new SamplerState(5, 0, 3), sampler.State);
    }

    [Fact]
    public void Fill_BuffersOfOtherSize_Throws()
    {
        var sampler = new WindowSampler(store.All, 13, 5);

        var e = Assert.Throws<ArgumentException>(() => sampler.Fill(new long[25], new long[26], 2));
        Assert.StartsWith("inputs holds 25 values; batchSize (2) × contextLength (13) = 26 are needed.", e.Message);
        Assert.Throws<ArgumentException>(() => sampler.Fill(new long[26], new long[27], 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => sampler.Fill([], [], 0));
    }

    private static long[] Draw(WindowSampler sampler, int windows)
    {
        var inputs = new long[windows * sampler.ContextLength];
        sampler.Fill(inputs, new long[inputs.Length], windows);
        return [.. Enumerable.Range(0, windows).Select(row => inputs[row * sampler.ContextLength])];
    }
}
