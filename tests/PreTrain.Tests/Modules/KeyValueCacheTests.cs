using PreTrain.Modules;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

[Collection(nameof(RunsAlone))]
public sealed class KeyValueCacheTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static KeyValueCache Create(int capacity = 7) => new(layers: 2, batch: 3, heads: 5, headDim: 11, capacity, ScalarType.Float32, CPU);

    [Fact]
    public void Append_TokensOneAfterAnother_HoldsThemAll()
    {
        using KeyValueCache cache = Create();
        Tensor keys = Normal([3, 5, 7, 11], 3), values = Normal([3, 5, 7, 11], 5);
        (Tensor Keys, Tensor Values) held = (keys, values);

        foreach (var (from, count) in new[] { (0, 4), (4, 1), (5, 2) })
        {
            Assert.Equal(from, cache.Length);
            cache.Append(0, keys.narrow(2, from, count) * 2, values.narrow(2, from, count) * 2);
            held = cache.Append(1, keys.narrow(2, from, count), values.narrow(2, from, count));
            cache.Advance(count);
        }

        Assert.Equal(Bytes(keys), Bytes(held.Keys));
        Assert.Equal(Bytes(values), Bytes(held.Values));
        Assert.Equal((7, 7), (cache.Length, cache.Capacity));
    }

    [Fact]
    public void Append_Full_Throws()
    {
        using KeyValueCache cache = Create();
        cache.Advance(5);

        var e = Assert.Throws<InvalidOperationException>(() => cache.Append(0, zeros([3, 5, 3, 11]), zeros([3, 5, 3, 11])));

        Assert.Equal("The cache holds 5 of 7 tokens and cannot take 3 more. Create it with a larger capacity, or clear it.", e.Message);
        cache.Clear();
        Assert.Equal(0, cache.Length);
        Assert.Equal(3, cache.Append(0, zeros([3, 5, 3, 11]), zeros([3, 5, 3, 11])).Keys.size(2));
    }

    [Fact]
    public void LeaveEmpty_Places_AreHiddenAndNotCounted()
    {
        using KeyValueCache cache = Create();
        cache.LeaveEmpty([2, 0, 1]);
        Assert.Equal([2, 0, 1], cache.EmptyPlaces);

        Assert.Equal([0, 0, 0, 0, 1, 2, 0, 0, 1], cache.Positions(3).data<long>().ToArray());
        // Empty places are hidden from all but themselves.
        Assert.Equal("010 100 110 / 000 000 000 / 000 100 100", Hidden(3));
        cache.Advance(3);
        Assert.Equal([1, 3, 2], cache.Positions(1).data<long>().ToArray());
        Assert.Equal("1100 / 0000 / 1000", Hidden(1));

        cache.Reorder(tensor(new long[] { 2, 2, 0 }));
        Assert.Equal([1, 1, 2], cache.EmptyPlaces);
        Assert.Equal(3, cache.Length);
        Assert.Equal("The cache holds 3 tokens; places can be left empty before the first one only.", Assert.Throws<InvalidOperationException>(() => cache.LeaveEmpty([0, 0, 0])).Message);
        cache.Clear();
        Assert.Null(cache.EmptyPlaces);
        Assert.Null(cache.Hidden(2));
        Assert.Equal([0, 1, 0, 1, 0, 1], cache.Positions(2).data<long>().ToArray());

        string Hidden(int length) => string.Join(" / ", Enumerable.Range(0, 3).Select(b => string.Join(' ', Enumerable.Range(0, length).Select(t =>
            string.Concat(cache.Hidden(length)![b, 0, t].data<bool>().ToArray().Select(hidden => hidden ? '1' : '0'))))));
    }

    [Theory]
    [InlineData(new[] { 1, 2 }, "The empty places (1, 2) must be 3 numbers from 0. (Parameter 'places')")]
    [InlineData(new[] { 1, -2, 0 }, "The empty places (1, -2, 0) must be 3 numbers from 0. (Parameter 'places')")]
    public void LeaveEmpty_NotANumberForEachSequence_Throws(int[] places, string message)
    {
        using KeyValueCache cache = Create();
        Assert.Equal(message, Assert.Throws<ArgumentException>(() => cache.LeaveEmpty(places)).Message);
        cache.LeaveEmpty([0, 0, 0]);
        Assert.Null(cache.EmptyPlaces);
    }

    [Fact]
    public void Dispose_InAnyScope_FreesItsMemory()
    {
        long before = LiveTensors.Count();
        KeyValueCache cache;
        using (NewDisposeScope()) cache = Create();
        Assert.Equal(before + 4, Tensor.TotalCount);

        cache.Dispose();

        Assert.Equal(before, Tensor.TotalCount);
    }

    [Theory]
    [InlineData(0, 3, 7)]
    [InlineData(2, 0, 7)]
    [InlineData(2, 3, 0)]
    public void Constructor_NoSize_Throws(int layers, long batch, int capacity) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new KeyValueCache(layers, batch, 5, 11, capacity, ScalarType.Float32, CPU));
}
