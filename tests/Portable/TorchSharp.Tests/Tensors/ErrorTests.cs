using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharp.Tests.Tensors;

/// <summary>Bad calls raise exceptions with libtorch's first line, and leave the process alive.</summary>
public sealed class ErrorTests
{
    private static readonly Dictionary<string, (Action Call, string Message)> s_faults = new()
    {
        ["add"] = (() => { _ = zeros([2, 3]) + zeros([2, 5]); }, "The size of tensor a (3) must match the size of tensor b (5) at non-singleton dimension 1"),
        ["mm"] = (() => zeros([2, 3]).mm(zeros([5, 7])), "mat1 and mat2 shapes cannot be multiplied (2x3 and 5x7)"),
        ["dimension"] = (() => zeros([2, 3]).sum(5), "Dimension out of range (expected to be in range of [-2, 1], but got 5)"),
        ["view"] = (() => zeros([2, 3]).view(7), "shape '[7]' is invalid for input of size 6"),
        ["cat"] = (() => cat([zeros([2, 3]), zeros([2, 5])]), "Sizes of tensors must match except in dimension 0. Expected size 3 but got size 5 for tensor number 1 in the list."),
        ["cat of nothing"] = (() => cat(Array.Empty<Tensor>()), "expected a non-empty list of Tensors"),
        ["index range"] = (() => zeros([3]).index_select(0, tensor(new long[] { 7 })), "index out of range in self"),
        ["index type"] = (() => zeros([3]).index_select(0, tensor(new[] { 1.0 })), "index_select(): Expected dtype int32 or int64 for index"),
        ["bits of floats"] = (() => { _ = ~zeros([2]); }, "not implemented for 'Float'"),
        ["in place type"] = (() => zeros([2], ScalarType.Int64).add_(0.5), "result type Float can't be cast to the desired output type "),
        ["in place shape"] = (() => zeros([2]).add_(zeros([3, 2])), "output with shape [2] doesn't match the broadcast shape [3, 2]"),
        ["cholesky"] = (() => linalg.cholesky(-eye(3)), "linalg.cholesky: The factorization could not be completed because the input is not positive-definite (the leading minor of order 1 is not positive-definite)."),
        ["einsum"] = (() => einsum("ij,jk", zeros([2, 3])), "einsum()"),
        ["leaf in place"] = (() => zeros([2]).requires_grad_().add_(1), "a leaf Variable that requires grad is being used in an in-place operation."),
        ["missing tensor"] = (() => zeros([2]).add((Tensor)null!), "None"),
        ["missing number"] = (() => zeros([2]).mul((Scalar)null!), "IValue is not a Scalar"),
    };

    public static readonly TheoryData<string> Names = new(s_faults.Keys);

    [Theory]
    [MemberData(nameof(Names))]
    public void Call_BadArguments_ThrowsLibtorchsFirstLine(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        (Action call, string message) = s_faults[name];

        if (name is "cat of nothing" or "missing tensor" or "missing number") Package.Skip("refused before libtorch is called");
        var e = Assert.Throws<ExternalException>(call);

        Assert.Contains(message, e.Message);
        Package.Skip("libtorch's backtrace follows");
        Assert.DoesNotContain('\n', e.Message);
    }

    [Fact]
    public void Call_DisposedTensor_ThrowsInvalidOperation()
    {
        Tensor gone = zeros([2]);
        gone.Dispose();
        using Tensor live = zeros([2]);

        Assert.Throws<InvalidOperationException>(() => gone.add(1));
        Assert.Throws<InvalidOperationException>(() => live.add(gone));
        Assert.Throws<InvalidOperationException>(() => gone.add_(live));
        Assert.Throws<InvalidOperationException>(() => cat([live, gone]));
        Assert.Throws<InvalidOperationException>(() => gone.shape);
    }

    [Fact]
    public void Call_AfterAnError_Works()
    {
        using DisposeScope scope = NewDisposeScope();
        Assert.Throws<ExternalException>(() => zeros([2]).view(7));

        Assert.Equal(2f, ones([2]).sum().item<float>());
    }

    [Fact]
    public void Call_ListWithANull_IsRefused()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor t = ones([2]);

        Package.Refuses<ArgumentNullException>(() => cat([t, null!, t]));
        Package.Refuses<ArgumentNullException>(() => stack([null!, t]));
        Package.Refuses<ArgumentNullException>(() => broadcast_tensors(t, null!));
        Package.Refuses<ArgumentNullException>(() => meshgrid([t, null!]));
        Package.Refuses<ArgumentNullException>(() => autograd.backward([null!]));
        Package.Refuses<ArgumentNullException>(() => autograd.grad([null!], [t]));
        Package.Refuses<ArgumentNullException>(() => autograd.grad([t.requires_grad_().sum()], [t, null!]));
    }

    [Fact]
    public void Index_WithoutSomeAxes_TakesThemWhole()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor t = tensor(new long[] { 2, 3, 5, 7, 11, 13 }, [2, 3]);

        Assert.Equal([5L, 2, 13, 7], t[TensorIndex.Colon, TensorIndex.Tensor(tensor(new long[] { 2, 0 }))].data<long>().ToArray());
    }

    [Fact]
    public void Size_OfAnAxisThatIsNot_ThrowsLibtorchsException()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor t = zeros([2, 3]), scalar = zeros(Array.Empty<long>());

        Assert.Contains("Dimension out of range (expected to be in range of [-2, 1], but got 2)", Assert.Throws<ExternalException>(() => t.size(2)).Message);
        Assert.Contains("Dimension out of range (expected to be in range of [-2, 1], but got -3)", Assert.Throws<ExternalException>(() => t.stride(-3)).Message);
        Assert.Throws<ExternalException>(() => t.size(-3));
        Assert.Throws<ExternalException>(() => t.stride(2));
        Assert.Throws<ExternalException>(() => scalar.size(0));
        Assert.Throws<ExternalException>(() => scalar.stride(-1));
        Assert.Equal((3L, 2L, 1L, 3L), (t.size(-1), t.size(-2), t.stride(-1), t.stride(-2)));
    }

    [Fact]
    public void IsNonzero_OfSeveralElements_ThrowsInvalidOperation()
    {
        using DisposeScope scope = NewDisposeScope();

        Assert.Throws<InvalidOperationException>(() => ones([2]).is_nonzero());
        Assert.Throws<InvalidOperationException>(() => is_nonzero(zeros([0])));
        Assert.True(ones([1, 1]).is_nonzero());
    }

    [Fact]
    public void Create_WithoutMemory_CollectsFirst()
    {
        WeakReference forgotten = Forget();

        Assert.Throws<ExternalException>(() => empty(1L << 60));

        Assert.False(forgotten.IsAlive);
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static WeakReference Forget() => new(zeros([2]));

    private static readonly Dictionary<string, Action> s_refused = new()
    {
        ["index_add"] = () => zeros([3]).index_add(0, tensor(new[] { 1 }), ones([1]), 1),
        ["index_add_"] = () => zeros([3]).index_add_(0, tensor(new[] { 1 }), ones([1]), 1),
        ["index_copy"] = () => zeros([3]).index_copy(0, tensor(new[] { 1 }), ones([1])),
        ["index_fill_"] = () => zeros([3]).index_fill_(0, tensor(new[] { 1 }), 1),
        ["masked_select"] = () => zeros([3]).masked_select(ones([3])),
        ["where"] = () => zeros([3]).where(ones([3], ScalarType.Byte), zeros([3])),
        ["trace"] = () => zeros([2, 2, 2]).trace(),
        ["diagonal"] = () => zeros([2, 2]).diagonal(0, 1, 1),
        ["slice"] = () => zeros([5]).slice(0, 0, 5, 0),
        ["tensor_split"] = () => zeros([5]).tensor_split(tensor(new[] { 2 })),
        ["vsplit"] = () => zeros([5, 2]).vsplit(2),
        ["hsplit"] = () => zeros([2, 5]).hsplit(2),
        ["dsplit"] = () => zeros([2, 2, 5]).dsplit(2),
        ["lcm"] = () => ones([2]).lcm(ones([2], ScalarType.Int64)),
        ["lcm_"] = () => ones([2], ScalarType.Int64).lcm_(ones([2])),
        ["positive"] = () => zeros([2], ScalarType.Bool).positive(),
        ["logdet"] = () => zeros([2, 3]).logdet(),
        ["rand"] = () => rand([2], ScalarType.Int32),
        ["randn"] = () => randn([2], ScalarType.Int64),
        ["tril_indices"] = () => tril_indices(2, 2, dtype: ScalarType.Float32),
        ["triu_indices"] = () => triu_indices(2, 2, dtype: ScalarType.Float32),
        ["Dropout1d"] = () => nn.Dropout1d(0.5).call(ones(7, 5)),
    };

    public static readonly TheoryData<string> Refused = new(s_refused.Keys);

    [Theory]
    [MemberData(nameof(Refused))]
    public void Call_WrongTypeOrShape_ThrowsArgumentException(string name)
    {
        using DisposeScope scope = NewDisposeScope();

        Assert.ThrowsAny<ArgumentException>(s_refused[name]);
    }

    [Fact]
    public void Dot_VectorsOfOtherLengths_ThrowsInvalidOperation()
    {
        using DisposeScope scope = NewDisposeScope();

        Assert.Throws<InvalidOperationException>(() => ones(3).dot(ones(2)));
        Assert.Throws<InvalidOperationException>(() => ones(3).vdot(ones([3, 1])));
        Assert.Equal(3, ones(3).dot(ones(3)).item<float>());
    }

    [Fact]
    public void Compare_WithNothing_IsFalse()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor t = ones(3);

        Assert.All([t.eq((Tensor)null!), t.eq((Scalar)null!), t.ge((Tensor)null!), t.ge((Scalar)null!), t.gt((Tensor)null!), t.gt_((Scalar)null!), t.eq_((Tensor)null!)], answer => Assert.False(answer.item<bool>()));
        Assert.False(t.allclose(null!));
    }
}
