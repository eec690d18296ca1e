using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Torch.Cpu;

public sealed unsafe class TensorMemoryTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Address_View_IsThatOfItsFirstElement()
    {
        Tensor whole = arange(35, dtype: ScalarType.Float32).view(5, 7);

        var p = (float*)TensorMemory.Address(whole[3]);

        Assert.Equal([21, 22, 23, 24, 25, 26, 27], new Span<float>(p, 7).ToArray());
        p[1] = -1;
        Assert.Equal(-1, whole[3, 1].item<float>());
    }

    [Fact]
    public void Address_NoElements_IsNull() => Assert.True(TensorMemory.Address(zeros([0, 7])) == null);

    [Fact]
    public void Address_NotContiguous_Throws() => Assert.Throws<ArgumentException>(() => (nint)TensorMemory.Address(zeros([5, 7]).t()));

    [Theory]
    [InlineData(ScalarType.Float64)]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.Int64)]
    public void HasKernelsFor_OtherTypes_IsFalse(ScalarType type) => Assert.False(TensorMemory.HasKernelsFor(zeros([3], dtype: type)));

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void HasKernelsFor_KernelTypes_IsTrueWhereThereAreLanes(ScalarType type) =>
        Assert.Equal(Vector512.IsHardwareAccelerated || Avx512F.IsSupported || (Avx2.IsSupported && Fma.IsSupported), TensorMemory.HasKernelsFor(zeros([3], dtype: type)));

    [Fact]
    public unsafe void AddressOfView_RowsApart_IsThatOfTheFirstElement()
    {
        using DisposeScope scope = NewDisposeScope();
        foreach (ScalarType type in new[] { ScalarType.Float32, ScalarType.Float64, ScalarType.Int64 })
        {
            Tensor whole = arange(210, dtype: type).view(5, 6, 7), view = whole.narrow(0, 2, 2).narrow(1, 3, 2);
            Assert.False(view.is_contiguous());
            Assert.Equal((nint)TensorMemory.Address(whole) + (2 * 42 + 3 * 7) * (nint)whole.element_size(), (nint)TensorMemory.AddressOfView(view));
            Assert.Equal((nint)TensorMemory.Address(whole), (nint)TensorMemory.AddressOfView(whole));
        }
    }
}
