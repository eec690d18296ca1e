using PreTrain.Data;

namespace PreTrain.Tests.Data;

public sealed class IndexPermutationTests
{
    [Fact]
    public void Indexer_AnyCount_IsABijection()
    {
        foreach (var count in Enumerable.Range(1, 70).Concat([127, 128, 129, 1021, 4096, 4097, 65_537]))
        {
            var permutation = new IndexPermutation(count, key: 11);
            var hit = new bool[count];
            for (long i = 0; i < count; i++)
            {
                var item = permutation[i];
                Assert.False(hit[item], $"{item} of {count} came twice.");
                hit[item] = true;
            }
        }
    }

    [Fact]
    public void Indexer_OtherKey_IsAnotherOrder()
    {
        var one = Order(new IndexPermutation(1009, 1));
        var two = Order(new IndexPermutation(1009, 2));

        Assert.NotEqual(one, two);
        Assert.NotEqual(Enumerable.Range(0, 1009).Select(i => (long)i), one);
        Assert.Equal(one, Order(new IndexPermutation(1009, 1)));
    }

    [Fact]
    public void Indexer_ManyKeys_PutsEveryItemEverywhere()
    {
        // Uniform over 7 × 7 places would be 1000 each, with a standard deviation of 29.
        var counts = new int[7, 7];
        for (ulong key = 0; key < 7000; key++)
        {
            var permutation = new IndexPermutation(7, key);
            for (var i = 0; i < 7; i++)
                counts[i, permutation[i]]++;
        }

        Assert.All(counts.Cast<int>(), count => Assert.InRange(count, 850, 1150));
    }

    [Fact]
    public void Indexer_HugeCount_StaysInside()
    {
        var permutation = new IndexPermutation(1L << 62, 3);

        Assert.Equal(1000, Enumerable.Range(0, 1000).Select(i => permutation[i]).Distinct().Count(item => item is >= 0 and < 1L << 62));
        var third = new IndexPermutation((1L << 61) + 1, 3);
        Assert.InRange(third[1L << 61], 0, 1L << 61);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-5)]
    [InlineData((1L << 62) + 1)]
    public void Constructor_CountOutOfRange_Throws(long count)
    {
        var e = Assert.Throws<ArgumentOutOfRangeException>(() => new IndexPermutation(count, 1));

        Assert.StartsWith($"count ({count}) must be from 1 to 2^62", e.Message);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(5)]
    public void Indexer_PositionOutOfRange_Throws(long position)
    {
        var e = Assert.Throws<ArgumentOutOfRangeException>(() => new IndexPermutation(5, 1)[position]);

        Assert.StartsWith($"position ({position}) must be at least 0 and less than Count (5).", e.Message);
    }

    private static List<long> Order(IndexPermutation permutation) =>
        [.. Enumerable.Range(0, (int)permutation.Count).Select(i => permutation[i])];
}
