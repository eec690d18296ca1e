using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace TorchSharp.Tests.Tensors;

public sealed class TensorIndexingTests
{
    // 0 … 29 in the shape 2 × 3 × 5: the element (a, b, c) is 15a + 5b + c.
    private static Tensor Block() => tensor(Enumerable.Range(0, 30).ToArray(), [2, 3, 5]);

    private static int[] Of(Tensor t) => t.data<int>().ToArray();

    [Fact]
    public void Get_Numbers_SelectAlongTheFirstAxes()
    {
        using Tensor t = Block();

        Assert.Equal([3, 5], t[1].shape);
        Assert.Equal([25, 26, 27, 28, 29], Of(t[1, 2]));
        Assert.Equal(23, t[1, 1, 3].item<int>());
        Assert.Equal(29, t[-1, -1, -1].item<int>());
        Assert.Equal(5, ones(1, 1, 1, 1).expand(2, 3, 5, 7)[1, 2, 4].size(0) - 2);
    }

    [Fact]
    public void Get_Slices_SelectRanges()
    {
        using Tensor t = Block();

        Assert.Equal([1, 2, 6, 7, 11, 12], Of(t[0, .., 1..3]));
        Assert.Equal([16, 17, 18], Of(t[1, 0, 1..^1]));
        Assert.Equal([15, 17, 19], Of(t[1, 0, TensorIndex.Slice(step: 2)]));
        Assert.Equal([18, 19], Of(t[1, 0, ^2..]));
        Assert.Equal([2, 3], Of(t[0, 0, TensorIndex.Slice(2, -1)]));
        Assert.Equal([4, 9, 14], Of(t[0, TensorIndex.Colon, ^1]));
        Assert.Equal([0, 1], Of(t[0, 0, (null, 2)]));
        Assert.Equal([0], t[0, 0, 4..2].shape);
        Assert.Equal([5], t[0, 0, 0..100].shape);
    }

    [Fact]
    public void Get_EllipsisAndNewAxes_KeepTheRest()
    {
        using Tensor t = Block();

        Assert.Equal([2, 3], t[TensorIndex.Ellipsis, 4].shape);
        Assert.Equal([19, 24, 29], Of(t[1, TensorIndex.Ellipsis, 4]));
        Assert.Equal([1, 2, 3, 1, 5], t[TensorIndex.None, TensorIndex.Ellipsis, TensorIndex.Null, TensorIndex.Colon].shape);
        Assert.Equal([1, 2, 3, 5], t[TensorIndex.Bool(true)].shape);
        Assert.Equal([0, 2, 3, 5], t[TensorIndex.Bool(false)].shape);
        Assert.Equal([2, 3, 5], t[TensorIndex.Ellipsis].shape);
    }

    [Fact]
    public void Get_View_SharesTheMemory()
    {
        using Tensor t = Block();
        using Tensor view = t[1, 1..];
        view.fill_(-1);

        Assert.Equal(-1, t[1, 2, 4].item<int>());
        Assert.Equal(19, t[1, 0, 4].item<int>());
    }

    [Fact]
    public void Get_Tensors_Gather()
    {
        using Tensor t = Block();
        using Tensor rows = tensor(new[] { 2L, 0 });
        using Tensor columns = tensor(new[] { 1L, 4 });
        using Tensor mask = tensor(new[] { true, false, true });
        using Tensor both = tensor(new[] { true, false, false, false, false, true }, [2, 3]);

        Assert.Equal([11, 4], Of(t[0][rows, columns]));
        Assert.Equal([11, 4, 26, 19], Of(t[TensorIndex.Colon, TensorIndex.Tensor(rows), TensorIndex.Tensor(columns)]));
        Assert.Equal([2, 2, 5], t.index(TensorIndex.Colon, TensorIndex.Tensor(mask)).shape);
        Assert.Equal([0, 1, 2, 3, 4, 25, 26, 27, 28, 29], Of(t[both]));
        // A mask over two axes, with a slice of the one after them.
        Assert.Equal([1, 2, 26, 27], Of(t[TensorIndex.Tensor(both), 1..3]));
        Assert.Equal([10, 15], Of(t.index(TensorIndex.Tensor(tensor(new[] { 0L, 1 })), TensorIndex.Tensor(tensor(new[] { 2L, 0 })), 0)));
        Assert.Equal([3, 5], t.index(tensor(1L)).shape);
        Assert.Equal([1, 2, 3, 5], t.index(tensor(true)).shape);
    }

    [Fact]
    public void Set_NumbersAndSlices_WriteThere()
    {
        using Tensor t = zeros([2, 3], ScalarType.Int32);
        t[0, 1] = tensor(7);
        t[1] = tensor(new[] { 1, 2, 3 });
        t[.., 2..] = tensor(9);

        Assert.Equal([0, 7, 9, 1, 2, 9], Of(t));
    }

    [Fact]
    public void Set_LeadingAxesOfLengthOne_AreIgnored()
    {
        using Tensor t = zeros([2, 3], ScalarType.Int32);
        t[TensorIndex.Single(1), TensorIndex.Colon] = tensor(new[] { 1, 2, 3 }, [1, 1, 3]);

        Assert.Equal([0, 0, 0, 1, 2, 3], Of(t));
    }

    [Fact]
    public void Set_Tensors_WriteWhereTheyPoint()
    {
        using Tensor t = zeros([3, 5], ScalarType.Int32);
        using Tensor rows = tensor(new[] { 2L, 0 });
        using Tensor mask = eye(3, 5, ScalarType.Bool);
        t[rows] = tensor(4);
        t[mask] = tensor(8);
        t.index_put_(1, TensorIndex.Colon, TensorIndex.Single(4));

        Assert.Equal([8, 4, 4, 4, 1, 0, 8, 0, 0, 1, 4, 4, 8, 4, 1], Of(t));
    }

    [Fact]
    public void IndexPut_Accumulate_AddsRepeatedPlaces()
    {
        using Tensor t = zeros(3);
        using Tensor places = tensor(new[] { 0L, 2, 0 });
        using Tensor values = tensor(new[] { 1f, 2, 4 });

        Assert.Same(t, t.index_put_(values, [places], accumulate: true));
        Assert.Equal([5f, 0, 2], t.data<float>().ToArray());
        Package.Refuses<ArgumentException>(() => t.index_put_(values, [TensorIndex.Colon], accumulate: true));
    }

    [Fact]
    public void IndexPut_Number_TakesTheTensorsType()
    {
        using Tensor t = zeros([2, 2], ScalarType.BFloat16);
        t.index_put_(0.5, tensor(new[] { true, false }));

        Assert.Equal([0.5f, 0.5f, 0, 0], t.@float().data<float>().ToArray());
    }

    [Fact]
    public void Index_Gradient_GoesToTheSelected()
    {
        using Tensor t = tensor(new[] { 1f, 2, 3, 4 }, [2, 2], requires_grad: true);
        t[1, 0].backward();
        t[TensorIndex.Tensor(tensor(new[] { 0L })), 1].sum().backward();

        Assert.Equal([0f, 1, 1, 0], t.grad!.data<float>().ToArray());
    }

    [Fact]
    public void Index_OutOfRange_Throws()
    {
        using Tensor t = Block();

        Assert.Throws<ExternalException>(() => t[2]);
        Assert.Throws<ExternalException>(() => t[0, -4]);
        Assert.Throws<ExternalException>(() => t[0, 0, 0, 0]);
        Assert.Throws<ExternalException>(() => t[TensorIndex.Single(0), .., .., ..]);
        Assert.Throws<ExternalException>(() => t[tensor(new[] { 2L })]);
        Assert.Throws<ExternalException>(() => t[tensor(new[] { true, false, true })]);
        Assert.Throws<ExternalException>(() => t[0] = zeros([2, 2], ScalarType.Int32));
        Assert.Throws<ExternalException>(() => t[0, 5, 0] = tensor(1));
        Package.Skip("an index without a number is taken for 0");
        Assert.Throws<ArgumentException>(() => t[TensorIndex.Single(null), 0]);
    }

    [Fact]
    public void Index_StepWithoutProgress_Throws()
    {
        Package.Skip("libtorch's exception ends the process");
        using Tensor t = Block();

        Assert.Throws<ExternalException>(() => t[0, 0, TensorIndex.Slice(step: 0)]);
        Assert.Throws<ExternalException>(() => t[0, 0, TensorIndex.Slice(step: -1)]);
    }

    [Fact]
    public void Index_Views_LeaveOneTensorOnly()
    {
        using Tensor t = Block();
        using DisposeScope scope = NewDisposeScope();
        _ = t[1, 1..^1, TensorIndex.None, TensorIndex.Slice(step: 2)];
        Assert.Equal(1, scope.DisposablesCount);
        t[0, 0, 0] = t[1, 1, 1];
        Assert.Equal(2, scope.DisposablesCount);
        Assert.Throws<ExternalException>(() => t[0, 1, 7]);
        Assert.Equal(2, scope.DisposablesCount);
    }

    [Fact]
    public void TensorIndex_AsATensor_IsRefused() => Assert.Throws<InvalidOperationException>(() => (Tensor)TensorIndex.Colon);
}
