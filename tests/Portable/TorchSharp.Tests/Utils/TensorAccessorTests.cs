using TorchSharp.Utils;
using static TorchSharp.torch;

namespace TorchSharp.Tests.Utils;

public sealed class TensorAccessorTests
{
    private static Tensor Matrix() => tensor(new[] { 1, 2, 3, 4, 5, 6 }, [2, 3]);

    // The same numbers as [[1, 4], [2, 5], [3, 6]], without moving them.
    private static Tensor Transposed() => Matrix().as_strided([3, 2], [1, 3]);

    [Fact]
    public void Elements_AnyStrides_AreInRowMajorOrder()
    {
        using Tensor t = Transposed();
        TensorAccessor<int> data = t.data<int>();

        Assert.Equal([1, 4, 2, 5, 3, 6], data);
        Assert.Equal([1, 4, 2, 5, 3, 6], data.ToArray());
        Assert.Equal(new[,] { { 1, 4 }, { 2, 5 }, { 3, 6 } }, (int[,])data.ToNDArray());
        Assert.Equal(5, data[3]);
        Assert.Equal(5, data[1, 1]);
        Assert.Equal(6, data.Count);
    }

    [Fact]
    public void Elements_Set_AreTheTensors()
    {
        using Tensor t = Transposed();
        TensorAccessor<int> data = t.data<int>();
        data[2, 0] = 7;
        Package.Skip("one index into a view is refused");
        data[1] = 8;

        Assert.Equal(7, t[2, 0].item<int>());
        Assert.Equal(8, t[0, 1].item<int>());
    }

    [Fact]
    public void Index_OutOfRange_Throws()
    {
        using Tensor t = Matrix();
        TensorAccessor<int> data = t.data<int>();

        Assert.Throws<IndexOutOfRangeException>(() => data[6]);
        Assert.Throws<IndexOutOfRangeException>(() => data[2, 0]);
        Assert.Throws<IndexOutOfRangeException>(() => data[0, -1]);
        Package.Skip("an index beyond the axes is left aside");
        Assert.Throws<IndexOutOfRangeException>(() => data[0, 0, 0]);
        Assert.Throws<IndexOutOfRangeException>(() => data[0, 3] = 1);
        Assert.Throws<ArgumentOutOfRangeException>(() => data[-1]);
    }

    [Fact]
    public void Copies_PartOfTheElements_FitWhatThereIs()
    {
        using Tensor t = Transposed();
        TensorAccessor<int> data = t.data<int>();
        var four = new int[4];
        data.CopyTo(four, arrayIndex: 1, tensorIndex: 2);
        Assert.Equal([0, 2, 5, 3], four);

        var nine = new int[9];
        data.CopyTo(nine.AsSpan(), tensorIndex: 4);
        Assert.Equal([3, 6, 0, 0, 0, 0, 0, 0, 0], nine);

        data.CopyFrom([9, 8, 7], arrayIndex: 1, tensorIndex: 4);
        Assert.Equal([1, 4, 2, 5, 8, 7], data.ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => data.CopyTo(four, tensorIndex: 6));
        Assert.Throws<ArgumentOutOfRangeException>(() => data.CopyFrom(four, tensorIndex: -1));
    }

    [Fact]
    public void Arrays_OfEveryRank_KeepTheShape()
    {
        Assert.Equal([7], (int[])tensor(7).data<int>().ToNDArray());
        Package.Skip("an empty tensor gives no array");
        Assert.Equal([], zeros([0, 3], ScalarType.Int32).data<int>().ToArray());
        Array three = arange(2 * 3 * 5, ScalarType.Int64).as_strided([2, 3, 5], [15, 5, 1]).data<long>().ToNDArray();
        Assert.Equal(3, three.Rank);
        Assert.Equal(23L, three.GetValue(1, 1, 3));
        Array seven = ones([1, 2, 1, 1, 3, 1, 2]).data<float>().ToNDArray();
        Assert.Equal(12, seven.Length);
        Assert.Equal(7, seven.Rank);
    }

    [Fact]
    public void Equality_IsByElements()
    {
        using Tensor a = Matrix(), b = Matrix(), c = Transposed();

        Assert.True(a.data<int>() == b.data<int>());
        Assert.True(a.data<int>() != c.data<int>());
        Package.Skip("Equals ends in an error");
        Assert.True(a.data<int>().Equals(b.data<int>()));
    }

    [Fact]
    public void Elements_OfAnotherType_Throw()
    {
        using Tensor t = Matrix();

        var e = Assert.Throws<ArgumentException>(() => t.data<float>());
        Assert.Contains("Single", e.Message);
        Assert.Contains("Int32", e.Message);
    }

    [Fact]
    public void Elements_TensorDisposed_Throw()
    {
        Tensor t = Matrix();
        TensorAccessor<int> data = t.data<int>();
        t.Dispose();

        Assert.Throws<InvalidOperationException>(() => data[0]);
        Assert.Throws<InvalidOperationException>(() => data[0] = 1);
        Assert.Throws<InvalidOperationException>(() => data.ToArray());
        Assert.Throws<InvalidOperationException>(() => data.ToList());
        Assert.Throws<InvalidOperationException>(() => t.data<int>());
    }

    [Fact]
    public void Elements_AccessorDisposed_ThrowAndLeaveTheTensor()
    {
        using Tensor t = Matrix();
        TensorAccessor<int> data = t.data<int>();
        data.Dispose();

        Assert.Equal(0, data.Count);
        Package.Refuses<ObjectDisposedException>(() => data.ToArray());
        Assert.False(t.IsInvalid);
    }
}
