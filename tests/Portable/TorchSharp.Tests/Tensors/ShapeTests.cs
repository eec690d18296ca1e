using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharp.Tests.Tensors;

public sealed class ShapeTests
{
    private static readonly Dictionary<string, Func<Tensor, Tensor>> s_views = new()
    {
        ["view"] = t => t.view(5, 21),
        ["view_as"] = t => t.view_as(zeros([21, 5])),
        ["reshape"] = t => t.reshape(-1),
        ["flatten"] = t => t.flatten(1),
        ["unflatten"] = t => t.flatten().unflatten(0, 15, 7),
        ["unflatten Size"] = t => t.flatten().unflatten(0, new Size([15, 7])),
        ["ravel"] = t => t.ravel(),
        ["unsqueeze"] = t => t.unsqueeze(1),
        ["squeeze"] = t => t.unsqueeze(1).squeeze(1),
        ["permute"] = t => t.permute(2, 0, 1),
        ["transpose"] = t => t.transpose(0, 2),
        ["swapaxes"] = t => t.swapaxes(0, 1),
        ["movedim"] = t => t.movedim([0], [2]),
        ["T"] = t => t.T,
        ["mT"] = t => t.mT,
        ["expand"] = t => t.expand(2, 3, 5, 7),
        ["expand Size"] = t => t.expand(new Size([2, 3, 5, 7])),
        ["broadcast_to"] = t => t.broadcast_to(2, 3, 5, 7),
        ["narrow"] = t => t.narrow(0, 0, 2),
        ["slice"] = t => t.slice(1, 0, 5, 2),
        ["select"] = t => t.select(0, 0),
        ["diagonal"] = t => t.diagonal(),
        ["unfold"] = t => t.unfold(2, 3, 2),
        ["as_strided"] = t => t.as_strided([2, 2], [1, 7]),
        ["chunk"] = t => t.chunk(2, 1)[0],
        ["split size"] = t => t.split(2)[0],
        ["split sizes"] = t => t.split([1, 2])[0],
        ["tensor_split"] = t => t.tensor_split(2, 1)[0],
        ["unbind"] = t => t.unbind(1)[0],
        ["hsplit"] = t => t.hsplit(5)[0],
        ["vsplit"] = t => t.vsplit(3)[0],
        ["dsplit"] = t => t.dsplit((2, 5))[0],
        ["atleast_3d"] = t => t.atleast_3d(),
    };

    public static readonly TheoryData<string> ViewNames = new(s_views.Keys);

    [Theory]
    [MemberData(nameof(ViewNames))]
    public void View_WrittenTo_ChangesTheBase(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor t = zeros([3, 5, 7]);

        Tensor view = s_views[name](t);
        while (view.Dimensions > 0) view = view.select(0, 0);
        view.fill_(11);

        Assert.Equal(11f, t.sum().item<float>());
        Assert.Equal(11f, t[0, 0, 0].item<float>());
    }

    private static readonly Dictionary<string, (Func<Tensor, Tensor> Shape, long[] Lengths, long[] First)> s_shapes = new()
    {
        // Over arange(15).view(3, 5): the result's lengths and its first elements.
        ["t"] = (t => t.t(), [5, 3], [0, 5, 10, 1]),
        ["T"] = (t => t.T, [5, 3], [0, 5, 10, 1]),
        ["H"] = (t => t.H, [5, 3], [0, 5, 10, 1]),
        ["repeat"] = (t => t.repeat(2, 1), [6, 5], [0, 1, 2]),
        ["tile"] = (t => t.tile([1, 2]), [3, 10], [0, 1, 2, 3, 4, 0]),
        ["repeat_interleave"] = (t => t.repeat_interleave(2, 0), [6, 5], [0, 1, 2, 3, 4, 0]),
        ["flip"] = (t => t.flip(0, 1), [3, 5], [14, 13]),
        ["fliplr"] = (t => t.fliplr(), [3, 5], [4, 3]),
        ["flipud"] = (t => t.flipud(), [3, 5], [10, 11]),
        ["roll one"] = (t => t.roll(1, 1), [3, 5], [4, 0, 1]),
        ["roll flat"] = (t => t.roll(2), [3, 5], [13, 14, 0]),
        ["roll two"] = (t => t.roll((1, 1), (0, 1)), [3, 5], [14, 10]),
        ["roll list"] = (t => t.roll([1L], [0L]), [3, 5], [10, 11]),
        ["rot90"] = (t => t.rot90(), [5, 3], [4, 9, 14, 3]),
        ["tril"] = (t => t.tril(), [3, 5], [0, 0, 0, 0, 0, 5, 6, 0]),
        ["triu"] = (t => t.triu(1), [3, 5], [0, 1, 2, 3, 4, 0, 0, 7]),
        ["diag"] = (t => t.diag(1), [3], [1, 7, 13]),
        ["diag_embed"] = (t => t.select(0, 0).diag_embed(), [5, 5], [0, 0, 0, 0, 0, 0, 1]),
        ["index_select"] = (t => t.index_select(1, tensor(new long[] { 4, 0 })), [3, 2], [4, 0, 9, 5]),
        ["masked_select"] = (t => t.masked_select(t > 12), [2], [13, 14]),
        ["nonzero"] = (t => t.nonzero(), [14, 2], [0, 1, 0, 2]),
        ["argwhere"] = (t => t.argwhere(), [14, 2], [0, 1, 0, 2]),
        ["take"] = (t => t.take(tensor(new long[] { 7, 11 })), [2], [7, 11]),
        ["cat"] = (t => cat([t, t], 1), [3, 10], [0, 1, 2, 3, 4, 0]),
        ["stack"] = (t => stack([t, t], 2), [3, 5, 2], [0, 0, 1, 1]),
        ["hstack"] = (t => hstack(t, t), [3, 10], [0, 1, 2, 3, 4, 0]),
        ["vstack"] = (t => vstack([t, t]), [6, 5], [0, 1]),
        ["dstack"] = (t => dstack(t, t), [3, 5, 2], [0, 0, 1, 1]),
        ["block_diag"] = (t => block_diag(t, t), [6, 10], [0, 1, 2, 3, 4, 0, 0]),
        ["where"] = (t => where(t > 7, t, -t), [3, 5], [0, -1, -2]),
        ["channel_shuffle"] = (t => t.view(1, 15, 1).channel_shuffle(3), [1, 15, 1], [0, 5, 10, 1]),
        ["moveaxis"] = (t => moveaxis(t, 0, 1), [5, 3], [0, 5, 10, 1]),
    };

    public static readonly TheoryData<string> ShapeNames = new(s_shapes.Keys);

    [Theory]
    [MemberData(nameof(ShapeNames))]
    public void Shape_OfCountingNumbers_IsAsExpected(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        (Func<Tensor, Tensor> shape, long[] lengths, long[] first) = s_shapes[name];

        Tensor result = shape(arange(15, dtype: ScalarType.Int64).view(3, 5));

        Assert.Equal(lengths, result.shape);
        Assert.Equal(first, result.contiguous().data<long>().ToArray().Take(first.Length));
    }

    [Fact]
    public void H_ComplexMatrix_IsConjugatedAndLeavesNoTemporary()
    {
        using Tensor z = complex(tensor(new double[] { 1, 2 }), tensor(new double[] { 3, 5 }));
        using Tensor m = z.view(1, 2);
        using DisposeScope scope = NewDisposeScope();

        Tensor h = m.H;

        Package.Skip("a temporary stays in the scope");
        Assert.Equal(1, scope.DisposablesCount);
        Assert.Equal([2, 1], h.shape);
        Assert.Equal([-3.0, -5.0], h.resolve_conj().imag.contiguous().data<double>().ToArray());
    }

    [Fact]
    public void Split_Sizes_CoverTheAxis()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor t = arange(7, dtype: ScalarType.Int64);

        Assert.Equal([3L, 3L, 1L], t.split(3).Select(p => p.shape[0]));
        Assert.Equal([2L, 5L], t.split(new long[] { 2, 5 }).Select(p => p.shape[0]));
        Assert.Equal([3L, 2L, 2L], t.tensor_split(3).Select(p => p.shape[0]));
        Assert.Equal([2L, 5L], t.tensor_split(new long[] { 2 }).Select(p => p.shape[0]));
        Assert.Equal([3L, 3L, 1L], t.chunk(3).Select(p => p.shape[0]));
        Assert.Equal(7, t.unbind().Length);
    }

    [Fact]
    public void Joining_EveryListType_GivesTheSame()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = arange(3), b = arange(5);
        Tensor[] array = [a, b];
        Tensor expected = cat(array);

        Assert.True(cat(new List<Tensor> { a, b }).Equals(expected));
        Assert.True(cat((ReadOnlySpan<Tensor>)array).Equals(expected));
        Assert.True(concat(array).Equals(expected));
        Assert.True(concatenate(array).Equals(expected));
        Assert.True(hstack(new List<Tensor> { a, b }).Equals(expected));
    }

    [Fact]
    public void BroadcastShapes_Shapes_AlignsAtTheEnd()
    {
        Package.Skip("shapes of unequal length are refused");
        Assert.Equal([2L, 3L, 5L], broadcast_shapes([3, 1], [2, 1, 5]).Shape);
        var e = Assert.Throws<ArgumentException>(() => broadcast_shapes([3, 2], [3, 5]));
        Assert.Contains("axis -1 has the lengths 2 and 5", e.Message);
    }

    [Fact]
    public void Meshgrid_TwoAxes_CrossesThem()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] grid = meshgrid([arange(3), arange(5)]);

        Assert.Equal([3, 5], grid[0].shape);
        Assert.Equal([5, 3], meshgrid([arange(3), arange(5)], "xy")[0].shape);
    }
}
