using System.Numerics;
using static TorchSharp.torch;

namespace TorchSharp.Tests.Tensors;

public sealed class TensorConversionTests
{
    [Fact]
    public void Casts_EachName_IsItsType()
    {
        using Tensor t = tensor(new[] { 1.75, 0 });

        Assert.Equal([1f, 0], t.@int().@float().data<float>().ToArray());
        Assert.Equal(
            [ScalarType.Bool, ScalarType.Byte, ScalarType.Int8, ScalarType.Int16, ScalarType.Int32, ScalarType.Int64, ScalarType.Float16, ScalarType.BFloat16,
                ScalarType.Float32, ScalarType.Float64, ScalarType.ComplexFloat32, ScalarType.ComplexFloat64],
            new[] { t.@bool(), t.@byte(), t.@char(), t.@short(), t.@int(), t.@long(), t.half(), t.bfloat16(), t.@float(), t.@double(), t.cfloat(), t.cdouble() }.Select(x => x.dtype));
        Assert.Equal([true, false], t.@bool().data<bool>().ToArray());
        Assert.Equal(ScalarType.Int64, LongTensor(t).dtype);
        Assert.Equal(ScalarType.Byte, t.type(ScalarType.Byte).dtype);
        Assert.Equal(ScalarType.Float32, t.type(FloatTensor).dtype);
        Assert.Equal(ScalarType.Int16, t.type_as(zeros(1, ScalarType.Int16)).dtype);
    }

    [Fact]
    public void To_NothingToDo_IsAnotherObjectOverTheSameMemory()
    {
        using Tensor t = tensor(new[] { 1f, 2f });
        using Tensor same = t.to(ScalarType.Float32);
        using Tensor here = t.cpu();
        using Tensor copy = t.to(CPU, copy: true);
        t.fill_(3);

        Assert.NotSame(t, same);
        Assert.Equal([3f, 3], same.data<float>().ToArray());
        Assert.Equal([3f, 3], here.data<float>().ToArray());
        Assert.Equal([1f, 2], copy.data<float>().ToArray());
    }

    [Fact]
    public void To_DisposeAfter_DisposesTheOriginalOnly()
    {
        Tensor t = tensor(new[] { 1f, 2f });
        Tensor same = t.to(ScalarType.Float32, disposeAfter: true);
        Assert.True(t.IsInvalid);
        Assert.Equal([1f, 2], same.data<float>().ToArray());

        using Tensor other = same.to(ScalarType.Float64, CPU, disposeAfter: true);
        Assert.True(same.IsInvalid);
        Assert.Equal([1.0, 2], other.data<double>().ToArray());
    }

    [Fact]
    public void To_OtherForms_MeanTheSame()
    {
        using Tensor t = tensor(new[] { 1f, 2f });
        using Tensor meta = zeros(1, ScalarType.Int32, META);

        Assert.True(t.to("cpu").is_cpu());
        Assert.True(t.to(DeviceType.META).is_meta);
        Assert.Equal(ScalarType.Int32, t.to(meta).dtype);
        Assert.True(t.to(meta).is_meta);
    }

    [Fact]
    public void To_Gradient_PassesBack()
    {
        using Tensor t = tensor(new[] { 1f, 2f }, requires_grad: true);
        t.to(ScalarType.Float64).sum().backward();

        Assert.Equal([1f, 1], t.grad!.data<float>().ToArray());
    }

    [Fact]
    public void Cuda_AnotherKindOfDevice_Throws()
    {
        using Tensor t = zeros(2);

        Assert.Throws<ArgumentException>(() => t.cuda(CPU));
        Package.Refuses<InvalidOperationException>(() => t.mps());
        if (!cuda.is_available()) Assert.Throws<InvalidOperationException>(() => t.cuda());
    }

    [Fact]
    public void ImplicitConversions_OfNumbers_MakeTensors()
    {
        (Tensor, ScalarType)[] all =
        [
            ((byte)1, ScalarType.Byte), ((sbyte)1, ScalarType.Int8), ((short)1, ScalarType.Int16), (1, ScalarType.Int32), (1L, ScalarType.Int64), (1f, ScalarType.Float32),
            (1.0, ScalarType.Float64), (true, ScalarType.Bool), ((1f, 2f), ScalarType.ComplexFloat32), (new Complex(1, 2), ScalarType.ComplexFloat64),
            (new byte[] { 1 }, ScalarType.Byte), (new sbyte[] { 1 }, ScalarType.Int8), (new short[] { 1 }, ScalarType.Int16), (new[] { 1 }, ScalarType.Int32),
            (new[] { 1L }, ScalarType.Int64), (new[] { 1f }, ScalarType.Float32), (new[] { 1.0 }, ScalarType.Float64), (new[] { true }, ScalarType.Bool),
            (new[] { (1f, 2f) }, ScalarType.ComplexFloat32), (new[] { new Complex(1, 2) }, ScalarType.ComplexFloat64),
        ];

        Assert.All(all, pair => Assert.Equal(pair.Item2, pair.Item1.dtype));
        Assert.Throws<InvalidOperationException>(() => (Tensor)1.0.ToScalar());
    }

    [Fact]
    public void ExplicitConversions_OfOneElement_MakeNumbers()
    {
        using Tensor t = tensor(3.0);

        Assert.Equal(3f, (float)t);
        Assert.Equal(3.0, (double)t);
        Assert.Equal(3, (sbyte)t);
        Assert.Equal(3, (byte)t);
        Assert.Equal(3, (short)t);
        Assert.Equal(3, (int)t);
        Assert.Equal(3L, (long)t);
        Assert.True((bool)t);
    }

    [Fact]
    public void ExplicitConversion_NumberTooLarge_Throws()
    {
        Package.Skip("libtorch's exception ends the process");
        using Tensor t = tensor(300);

        Assert.Throws<OverflowException>(() => (byte)t);
    }

    [Fact]
    public void Sparse_ThereAndBack_IsTheSame()
    {
        using Tensor t = tensor(new[] { 0f, 2, 0, 0, 5, 7 }, [2, 3]);
        using Tensor sparse = t.to_sparse();

        Assert.True(sparse.is_sparse);
        Assert.Equal([0L, 1, 1, 1, 1, 2], sparse.SparseIndices.data<long>().ToArray());
        Assert.Equal([2f, 5, 7], sparse.SparseValues.data<float>().ToArray());
        Assert.Equal(t.bytes.ToArray(), sparse.to_dense().bytes.ToArray());
        using Tensor built = sparse_coo_tensor(tensor(new[] { 1L, 2 }, [2, 1]), tensor(new[] { 3f }), [2, 3]);
        Assert.Equal([0f, 0, 0, 0, 0, 3], built.to_dense().data<float>().ToArray());
    }

    [Fact]
    public void Extensions_OnArraysAndNumbers_MakeTensors()
    {
        Assert.Equal([2, 1], new[] { 1f, 2f }.ToTensor([2, 1]).shape);
        Assert.Equal(ScalarType.Int16, ((short)3).ToTensor().dtype);
        Assert.True(3f.ToTensor(requires_grad: true).requires_grad);
        Assert.Throws<ArgumentException>(() => 3.ToTensor(requires_grad: true));
        Assert.Throws<NotImplementedException>(() => 'c'.ToTensor());
        Assert.Equal(30, new long[] { 2, 3, 5 }.TotalSize());
        Assert.Equal([2, 3], zeros(2, 3).IntShape().ToArray());
    }

    [Fact]
    public void IsPinned_OfPlainMemory_IsFalse()
    {
        using Tensor t = zeros(2);

        Assert.False(t.is_pinned());
        if (!cuda.is_available()) Assert.ThrowsAny<Exception>(() => t.pin_memory());
    }

    [Fact]
    public void Sparse_PlacesThatRepeat_AreListedAsTheyAre()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor sparse = sparse_coo_tensor(tensor(new[] { 0L, 1, 0, 2, 0, 2 }, [2, 3]), tensor(new[] { 2f, 3, 5 }), [2, 3]);

        Assert.Equal([0L, 1, 0, 2, 0, 2], sparse.SparseIndices.data<long>().ToArray());
        Assert.Equal([2f, 3, 5], sparse.SparseValues.data<float>().ToArray());
        Assert.Equal([0f, 0, 7, 3, 0, 0], sparse.to_dense().data<float>().ToArray());
    }
}
