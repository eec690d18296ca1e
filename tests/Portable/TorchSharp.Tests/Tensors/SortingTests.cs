using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharp.Tests.Tensors;

public sealed class SortingTests
{
    [Fact]
    public void Sort_Descending_GivesValuesAndTheirPlaces()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor t = tensor(new[] { 3.0, 1.0, 2.0 });

        (Tensor values, Tensor indices) = t.sort(descending: true);

        Assert.Equal([3.0, 2.0, 1.0], values.data<double>().ToArray());
        Assert.Equal([0L, 2L, 1L], indices.data<long>().ToArray());
        Assert.Equal([1L, 2L, 0L], t.argsort().data<long>().ToArray());
        Assert.Equal([1.0, 2.0, 3.0], t.msort().data<double>().ToArray());
    }

    [Fact]
    public void Sort_Stable_KeepsTheOrderOfEquals()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor t = (arange(101, dtype: ScalarType.Int64) % 3);

        long[] places = t.sort(stable: true).Indices.data<long>().ToArray();

        Assert.Equal(Enumerable.Range(0, 101).OrderBy(i => i % 3).Select(i => (long)i), places);
    }

    [Fact]
    public void Topk_Smallest_GivesThem()
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor values, Tensor indexes) = tensor(new[] { 5, 2, 3, 1 }).topk(2, largest: false);

        Assert.Equal([1, 2], values.data<int>().ToArray());
        Assert.Equal([3L, 1L], indexes.data<long>().ToArray());
    }

    [Fact]
    public void Unique_ResultsThatAreNotWanted_AreNullAndDisposed()
    {
        using Tensor t = tensor(new long[] { 3, 1, 3, 2 });
        using DisposeScope scope = NewDisposeScope();

        (Tensor output, Tensor? inverse, Tensor? counts) = t.unique();

        Assert.Equal([1L, 2L, 3L], output.data<long>().ToArray());
        Assert.Null(inverse);
        Assert.Null(counts);
        Assert.Equal(1, scope.DisposablesCount);
    }

    [Fact]
    public void Unique_AllResults_CountAndPoint()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor t = tensor(new long[] { 3, 1, 3, 2 });

        (Tensor output, Tensor? inverse, Tensor? counts) = t.unique(return_inverse: true, return_counts: true);
        (Tensor runs, _, Tensor? lengths) = tensor(new long[] { 1, 1, 2, 1 }).unique_consecutive(return_counts: true);

        Assert.True(output[inverse!].Equals(t));
        Assert.Equal([1L, 1L, 2L], counts!.data<long>().ToArray());
        Assert.Equal([1L, 2L, 1L], runs.data<long>().ToArray());
        Assert.Equal([2L, 1L, 1L], lengths!.data<long>().ToArray());
    }

    [Fact]
    public void Unique_AlongAnAxis_ComparesSlices()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor rows = tensor(new long[,] { { 2, 3 }, { 1, 5 }, { 2, 3 } });

        Assert.Equal([1L, 5L, 2L, 3L], rows.unique(dim: 0).output.data<long>().ToArray());
    }

    [Fact]
    public void Searchsorted_Values_FindsTheirPlaces()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor sorted = tensor(new[] { 1.0, 3.0, 5.0 });

        Assert.Equal([0L, 1L, 3L], searchsorted(sorted, tensor(new[] { 1.0, 3.0, 6.0 })).data<long>().ToArray());
        Assert.Equal([1L, 2L, 3L], searchsorted(sorted, tensor(new[] { 1.0, 3.0, 6.0 }), right: true).data<long>().ToArray());
        Assert.Equal(2, searchsorted(sorted, 4.0, false, false, null!).item<long>());
        Assert.Equal([0, 1, 3], tensor(new[] { 1.0, 3.0, 6.0 }).bucketize(sorted, outInt32: true).data<int>().ToArray());
    }

    [Fact]
    public void Where_Condition_GivesOneIndexPerAxis()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor t = tensor(new long[,] { { 0, 1 }, { 2, 0 } });

        Tensor[] places = where(t != 0);

        Assert.Equal([0L, 1L], places[0].data<long>().ToArray());
        Assert.Equal([1L, 0L], places[1].data<long>().ToArray());
        Assert.Equal(2, t.nonzero_as_list().Count);
        Assert.Throws<ArgumentException>(() => where(t));
    }

    [Fact]
    public void Histogram_Numbers_AreCounted()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor t = tensor(new[] { 0.5, 1.5, 1.75, 3.5 });

        (Tensor hist, Tensor edges) = histogram(t, 4, (0, 4));

        Assert.Equal([1.0, 2.0, 0.0, 1.0], hist.data<double>().ToArray());
        Assert.Equal([0.0, 1.0, 2.0, 3.0, 4.0], edges.data<double>().ToArray());
        Assert.Equal([1.0, 2.0, 0.0, 1.0], t.histc(4, 0, 4).data<double>().ToArray());
        Assert.Equal([3.0, 1.0], histogram(t, tensor(new[] { 0.0, 2.0, 4.0 })).hist.data<double>().ToArray());
    }
}
