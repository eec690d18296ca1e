using PreTrain.Data;

namespace PreTrain.Tests.Data;

public sealed class TokenRangeTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly TokenStore store;

    public TokenRangeTests() =>
        store = TokenStore.Build([string.Concat(Enumerable.Range(0, 100).Select(i => (char)i))], new CharTokenizer(), folder.File("s"));

    public void Dispose()
    {
        store.Dispose();
        folder.Dispose();
    }

    [Theory]
    [InlineData(0.1, 10)]
    [InlineData(0.5, 50)]
    [InlineData(0.97, 98)]
    public void Split_Fraction_CutsTheEndOff(double fraction, long validation)
    {
        var (train, held) = store.Split(fraction);

        Assert.Equal((0, 101 - validation), (train.Start, train.Count));
        Assert.Equal((101 - validation, validation), (held.Start, held.Count));
        var first = new long[1];
        held.Read(0, first);
        Assert.Equal(101 - validation, first[0]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(-0.1)]
    [InlineData(double.NaN)]
    public void Split_FractionOutOfRange_Throws(double fraction)
    {
        var e = Assert.Throws<ArgumentOutOfRangeException>(() => store.Split(fraction));

        Assert.StartsWith($"validationFraction ({fraction}) must be greater than 0 and less than 1", e.Message);
    }

    [Fact]
    public void Read_Slice_IsRelativeAndBounded()
    {
        var slice = store.All.Slice(7, 13).Slice(2, 11);
        var tokens = new int[11];

        slice.Read(0, tokens);

        Assert.Equal(Enumerable.Range(9, 11), tokens);
        Assert.Throws<ArgumentOutOfRangeException>(() => slice.Read(1, tokens));
        Assert.Throws<ArgumentOutOfRangeException>(() => slice.Read(-1, new long[1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => slice.Slice(5, 7));
        Assert.Throws<ArgumentOutOfRangeException>(() => slice.Slice(0, -1));
    }
}
