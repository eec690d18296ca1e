using PreTrain.Data;

namespace PreTrain.Tests.Data;

public sealed class EvaluationWindowsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly TokenStore store;

    public EvaluationWindowsTests() =>
        store = TokenStore.Build([string.Concat(Enumerable.Range(0, 256).Select(i => (char)i))], new CharTokenizer(), folder.File("s"));

    public void Dispose()
    {
        store.Dispose();
        folder.Dispose();
    }

    [Theory]
    [InlineData(2, 13, 3)]
    [InlineData(13, 13, 1)]
    [InlineData(14, 13, 1)]
    [InlineData(15, 13, 2)]
    [InlineData(101, 7, 4)]
    [InlineData(257, 1, 5)]
    public void Fill_AllWindows_CoverEveryTargetOnce(int tokens, int contextLength, int batchSize)
    {
        var windows = new EvaluationWindows(store.All.Slice(0, tokens), contextLength);
        var inputs = new long[batchSize * contextLength];
        var targets = new long[inputs.Length];
        var seen = new List<long>();
        long counted = 0;

        for (long first = 0; first < windows.Count; first += batchSize)
        {
            counted += windows.Fill(first, inputs, targets, batchSize);
            for (var i = 0; i < inputs.Length; i++)
            {
                if (targets[i] == EvaluationWindows.IgnoredTarget)
                {
                    Assert.Equal(0, inputs[i]);
                    continue;
                }
                Assert.Equal(targets[i], inputs[i] + 1);
                seen.Add(targets[i]);
            }
        }

        Assert.Equal(Enumerable.Range(1, tokens - 1).Select(i => (long)i), seen);
        Assert.Equal(tokens - 1, counted);
        Assert.Equal(tokens - 1, windows.TargetCount);
        Assert.Equal(tokens - 1, Enumerable.Range(0, (int)windows.Count).Sum(i => windows.ValidLength(i)));
    }

    [Theory]
    [InlineData(5, 13, 3, 1, 4)]
    [InlineData(32, 7, 2, 1, 3)]
    [InlineData(32, 7, 3, 2, 7)]
    public void Read_LastBatch_IsAsLongAsItsLongestWindow(int tokens, int contextLength, int batchSize, int rows, int length)
    {
        var windows = new EvaluationWindows(store.All.Slice(0, tokens), contextLength);
        var seen = new List<long>();
        WindowBatch? last = null;
        for (long first = 0; first < windows.Count; first += batchSize)
        {
            (last, var valid) = windows.Read(first, batchSize);
            var targets = last.Targets.Where(target => target != EvaluationWindows.IgnoredTarget).ToArray();
            Assert.Equal(targets.Length, valid);
            seen.AddRange(targets);
        }

        Assert.Equal(Enumerable.Range(1, tokens - 1).Select(i => (long)i), seen);
        Assert.Equal((rows, length), (last!.BatchSize, last.ContextLength));
    }

    [Fact]
    public void Constructor_FewerThanTwoTokens_Throws()
    {
        var e = Assert.Throws<CorpusException>(() => new EvaluationWindows(store.All.Slice(0, 1), 13));

        Assert.StartsWith("The range holds 1 tokens; an evaluation takes at least 2", e.Message);
    }

    [Fact]
    public void Fill_WindowOutOfRange_Throws()
    {
        var windows = new EvaluationWindows(store.All, 128);

        Assert.Equal(2, windows.Count);
        var e = Assert.Throws<ArgumentOutOfRangeException>(() => windows.Fill(2, new long[128], new long[128], 1));
        Assert.StartsWith("window (2) must be at least 0 and less than Count (2).", e.Message);
        Assert.Throws<ArgumentException>(() => windows.Fill(0, new long[127], new long[128], 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new EvaluationWindows(store.All, 0));
    }
}
