using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharp.Tests.Tensors;

public sealed class ScatterTests
{
    private static double[] Doubles(Tensor t) => t.contiguous().data<double>().ToArray();

    [Fact]
    public void Gather_Index_PicksAlongTheAxis()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor t = arange(6, dtype: ScalarType.Float64).view(2, 3), index = tensor(new long[,] { { 2 }, { 0 } });

        Assert.Equal([2.0, 3.0], Doubles(t.gather(1, index)));
        Assert.Equal([2.0, 3.0], Doubles(t.take_along_dim(index, 1)));
        Assert.Equal([5.0, 1.0], Doubles(t.take_along_dim(tensor(new long[] { 5, 1 }))));
        Assert.Equal([5.0, 1.0], Doubles(t.take_along_dim(new List<long> { 5, 1 })));
    }

    [Fact]
    public void Scatter_Source_IsPutAndAdded()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor t = zeros([5], ScalarType.Float64), index = tensor(new long[] { 1, 3, 1 }), source = tensor(new[] { 2.0, 3.0, 5.0 });

        Assert.Equal([0.0, 7.0, 0.0, 3.0, 0.0], Doubles(t.scatter_add(0, index, source)));
        Assert.Equal([0.0, 0.0, 0.0, 3.0, 2.0], Doubles(t.scatter(0, tensor(new long[] { 4, 3 }), source)));
        Assert.Equal([0.0, 0.0, 0.0, 0.0, 0.0], Doubles(t));
        Assert.Same(t, t.scatter_add_(0, index, source));
        Assert.Equal([0.0, 7.0, 0.0, 3.0, 0.0], Doubles(t));
    }

    [Fact]
    public void Index_Slices_AreAddedCopiedFilledAndReduced()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor t = ones([3, 2], ScalarType.Float64), index = tensor(new long[] { 2, 0 }), source = tensor(new double[,] { { 2, 3 }, { 5, 7 } });

        Assert.Equal([11.0, 15.0, 1.0, 1.0, 5.0, 7.0], Doubles(t.index_add(0, index, source, 2)));
        Assert.Equal([5.0, 7.0, 1.0, 1.0, 2.0, 3.0], Doubles(t.index_copy(0, index, source)));
        Assert.Equal([9.0, 9.0, 1.0, 1.0, 9.0, 9.0], Doubles(t.index_fill(0, index, 9)));
        Assert.Same(t, t.index_add_(0, index, source, 2));
        Assert.Equal([11.0, 15.0, 1.0, 1.0, 5.0, 7.0], Doubles(t));
    }

    [Fact]
    public void Masked_Elements_AreFilledSelectedAndReplaced()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor t = tensor(new[] { 1.0, 2.0, 3.0 }), mask = tensor(new[] { true, false, true });

        Assert.Equal([-7.0, 2.0, -7.0], Doubles(t.masked_fill(mask, -7)));
        Assert.Equal([1.0, 3.0], Doubles(t.masked_select(mask)));
        Assert.Equal([5.0, 2.0, 6.0], Doubles(t.masked_scatter(mask, tensor(new[] { 5.0, 6.0 }))));
        Assert.Same(t, t.masked_fill_(mask, double.NegativeInfinity));
        Assert.Equal([double.NegativeInfinity, 2.0, double.NegativeInfinity], Doubles(t));
    }

    [Fact]
    public void PartScatter_Source_ReplacesThatPartOfACopy()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor t = zeros([2, 2], ScalarType.Float64), source = tensor(new[] { 3.0, 5.0 });

        Assert.Equal([3.0, 0.0, 0.0, 5.0], Doubles(t.diagonal_scatter(source)));
        Assert.Equal([0.0, 0.0, 3.0, 5.0], Doubles(t.select_scatter(source, 0, 1)));
        Assert.Equal([0.0, 3.0, 0.0, 5.0], Doubles(t.slice_scatter(source.view(2, 1), 1, 1, 2)));
        Assert.Equal(0.0, t.sum().item<double>());
    }
}
