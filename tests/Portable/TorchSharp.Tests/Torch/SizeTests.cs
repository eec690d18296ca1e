using static TorchSharp.torch;

namespace TorchSharp.Tests.Torch;

public sealed class SizeTests
{
    [Fact]
    public void Constructors_EveryForm_HoldTheLengths()
    {
        Assert.Equal([2, 3], new Size((2, 3)).Shape);
        Assert.Equal([2, 3, 5], new Size((2L, 3L, 5L)).Shape);
        Assert.Equal([2, 3, 5, 7, 11, 13], new Size((2, 3, 5, 7, 11, 13)).Shape);
        Assert.Equal([7], new Size(7).Shape);
        Assert.Equal([2, 3], new Size([2, 3]).Shape);
        Assert.Equal([2, 3], new Size(new List<long> { 2, 3 }).Shape);
    }

    [Fact]
    public void Members_OfAShape_DescribeIt()
    {
        Size size = (2L, 3L, 5L);

        Assert.Equal(30, size.numel());
        Assert.Equal(3, size.Length);
        Assert.Equal(5, size[^1]);
        Assert.Equal([2, 3], size[..2].Shape);
        Assert.Equal([3, 5], size.Slice(1, 3).Shape);
        Assert.Equal([2, 3, 5, 7], (size + (Size)7L).Shape);
        Assert.Equal([2L, 3, 5], size);
        Assert.Throws<IndexOutOfRangeException>(() => size[3]);
    }

    [Fact]
    public void Default_IsTheShapeWithoutAxes()
    {
        Package.Skip("the default value has no lengths");
        Size size = default;

        Assert.True(size.IsEmpty);
        Assert.True(size.IsScalar);
        Assert.Equal(1, size.numel());
        Assert.True(size == Size.Empty);
    }

    [Fact]
    public void Equality_IsByLengths()
    {
        Package.Skip("the operator == compares arrays by reference");
        Assert.True((Size)(2L, 3L) == new Size([2, 3]));
        Assert.True((Size)(2L, 3L) != (Size)(3L, 2L));
        Assert.Equal(((Size)(2L, 3L)).GetHashCode(), new Size([2, 3]).GetHashCode());
    }

    [Fact]
    public void Source_Changed_DoesNotChangeTheSize()
    {
        long[] lengths = [2, 3];
        var size = new Size(lengths);
        lengths[0] = 5;

        Assert.Equal(2, size[0]);
    }
}
