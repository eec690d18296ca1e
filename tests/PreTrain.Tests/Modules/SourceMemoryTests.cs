using PreTrain.Modules;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

[Collection(nameof(RunsAlone))]
public sealed class SourceMemoryTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    /// <summary>Sources of 5, no and 2 tokens, of which the last stand at the right; 3 heads of 7.</summary>
    private static PackedSequences Sources()
    {
        Tensor mask = tensor(new long[] { 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1 }, [3, 5]);
        return PackedSequences.OfMask(mask, mask);
    }

    [Fact]
    public void Indexer_OfALayer_HoldsKeysAndValuesWhereTheTokensAre()
    {
        Tensor keys = Normal([7, 21], 3), values = Normal([7, 21], 5);
        using var memory = new SourceMemory(Sources(), 7, [(values, keys), (keys, values)]);

        Assert.Equal(3, memory.Count);
        foreach (var (rows, held) in new[] { (keys, memory[1].Keys), (values, memory[1].Values), (values, memory[0].Keys), (keys, memory[0].Values) })
        {
            Assert.Equal([3, 3, 5, 7], held.shape);
            Assert.Equal(Bytes(rows[..5].view(5, 3, 7).transpose(0, 1)), Bytes(held[0]));
            Assert.Equal(Bytes(rows[5..].view(2, 3, 7).transpose(0, 1)), Bytes(held[2, .., 3..]));
            Assert.Equal(0, held[1].abs().sum().item<float>() + held[2, .., ..3].abs().sum().item<float>());
        }
        Assert.Equal([3, 1, 1, 5], memory.Seen!.shape);
        Assert.Equal(Bytes(Sources().Mask(CPU)), Bytes(memory.Seen));
    }

    [Fact]
    public void ToSource_OfTheLastQueries_IsAttentionToThePackedSource()
    {
        PackedSequences sources = Sources();
        Tensor query = Normal([6, 42], 3), keys = Normal([7, 21], 5), values = Normal([7, 21], 7);   // 2 queries each, 6 heads over 3
        using var memory = new SourceMemory(sources, 7, [(keys, values)]);
        foreach (double? scale in new double?[] { null, 1 })
        {
            Tensor expected = Attention.Apply(query, keys, values, PackedSequences.Full(3, 2), sources, AttentionMask.None, new() { HeadCount = 6, KeyValueHeadCount = 3, Scale = scale }).Rows;

            Tensor actual = CachedAttention.ToSource(query.view(3, 2, 6, 7).transpose(1, 2), memory, 0, scale);

            AssertClose(Doubles(expected), Doubles(actual), 42, 64 * Float32Rounding, "attention", least: 0.1);
            Assert.All(Doubles(actual[2..4]), x => Assert.Equal(0, x));   // of the source without a token
        }
    }

    [Fact]
    public void Apply_WithAScaleAndABias_IsAttentionWithThem()
    {
        Tensor query = Normal([10, 42], 3), keys = Normal([10, 21], 5), values = Normal([10, 21], 7), bias = Normal([1, 6, 5, 5], 11);
        PackedSequences whole = PackedSequences.Full(2, 5);
        Tensor expected = Attention.Apply(query, keys, values, whole, whole, AttentionMask.Causal, new() { HeadCount = 6, KeyValueHeadCount = 3, Scale = 0.7, Bias = bias }).Rows;

        Tensor last = query.view(2, 5, 6, 7).transpose(1, 2)[.., .., 3..];   // the last 2 of 5 tokens
        Tensor actual = CachedAttention.Apply(last, Spread(keys), Spread(values), AttentionMask.Causal, 0.7, bias[.., .., 3..]);

        AssertClose(Doubles(expected.view(2, 5, 42)[.., 3..]), Doubles(actual), 42, 64 * Float32Rounding, "attention", least: 0.1);

        static Tensor Spread(Tensor rows) => rows.view(2, 5, 3, 7).transpose(1, 2);
    }

    [Fact]
    public void Reorder_OfTheCache_TakesTheSourcesAlong()
    {
        Tensor keys = Normal([7, 21], 3), values = Normal([7, 21], 5), rows = tensor(new long[] { 2, 2, 0 });
        var memory = new SourceMemory(Sources(), 7, [(keys, values)]);
        using var cache = new KeyValueCache(1, 3, 3, 7, 4, ScalarType.Float32, CPU, memory);
        Tensor[] before = [memory[0].Keys.clone(), memory[0].Values.clone(), memory.Seen!.clone()];

        cache.Reorder(rows);

        foreach (var (expected, actual) in before.Zip([memory[0].Keys, memory[0].Values, memory.Seen])) Assert.Equal(Bytes(expected.index_select(0, rows)), Bytes(actual));
        Assert.Same(memory, cache.Source);
    }

    [Fact]
    public void Dispose_OfTheCache_FreesTheSource()
    {
        Tensor keys = Normal([7, 21], 3), values = Normal([7, 21], 5);
        long before = LiveTensors.Count();
        KeyValueCache cache;
        using (NewDisposeScope()) cache = new KeyValueCache(2, 3, 3, 7, 4, ScalarType.Float32, CPU, new SourceMemory(Sources(), 7, [(keys, values), (keys, values)]));
        Assert.Equal(before + 4 + 5, Tensor.TotalCount);

        cache.Dispose();

        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void Constructor_BadSizes_Throws()
    {
        using var memory = new SourceMemory(Sources(), 7, [(zeros([7, 21]), zeros([7, 21]))]);
        Assert.StartsWith("The source has 3 sequences, and the cache 2.", Assert.Throws<ArgumentException>(() => new KeyValueCache(1, 2, 3, 7, 4, ScalarType.Float32, CPU, memory)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new SourceMemory(Sources(), 7, []));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SourceMemory(Sources(), 0, [(zeros([7, 21]), zeros([7, 21]))]));
    }
}
