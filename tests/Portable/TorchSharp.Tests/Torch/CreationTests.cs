using System.Numerics;
using static TorchSharp.torch;

namespace TorchSharp.Tests.Torch;

public sealed class CreationTests
{
    [Fact]
    public void Tensor_ArrayWithShape_HoldsItsElementsInRowMajorOrder()
    {
        using Tensor t = tensor(new float[] { 1, 2, 3, 4, 5, 6 }, [2, 3]);

        Assert.Equal([2, 3], t.shape);
        Assert.Equal(ScalarType.Float32, t.dtype);
        Assert.Equal(6f, t[1, 2].item<float>());
        Assert.Equal(2f, t[0, 1].item<float>());
    }

    [Fact]
    public void Tensor_Array_IsACopy()
    {
        long[] numbers = [7, 11];
        using Tensor t = tensor(numbers);
        numbers[0] = 13;

        Assert.Equal([7, 11], t.data<long>().ToArray());
    }

    [Fact]
    public void Tensor_MoreElementsThanTheShapeTakes_UsesTheFirst()
    {
        using Tensor t = tensor(new[] { 2, 3, 5, 7 }, [3]);

        Assert.Equal([2, 3, 5], t.data<int>().ToArray());
    }

    [Fact]
    public void Tensor_FewerElementsThanTheShapeTakes_Throws()
    {
        var e = Assert.Throws<ArgumentException>(() => tensor(new[] { 2, 3, 5 }, [2, 2]));

        Assert.Contains("4 vs. 3", e.Message);
    }

    [Fact]
    public void Tensor_NegativeLength_Throws() => Package.Refuses<ArgumentOutOfRangeException>(() => tensor(new[] { 2, 3 }, [-2, -1]));

    [Fact]
    public void Tensor_RectangularArrays_TakeTheirShape()
    {
        using Tensor two = tensor(new double[,] { { 1, 2, 3 }, { 4, 5, 6 } });
        using Tensor three = tensor(new short[2, 3, 5]);
        using Tensor four = tensor(new bool[2, 1, 3, 2]);

        Assert.Equal([2, 3], two.shape);
        Assert.Equal(4.0, two[1, 0].item<double>());
        Assert.Equal([2, 3, 5], three.shape);
        Assert.Equal([2, 1, 3, 2], four.shape);
        Assert.Equal(ScalarType.Bool, four.dtype);
    }

    [Fact]
    public void Tensor_ListOfAnyKind_IsCopied()
    {
        using Tensor list = tensor(new List<float> { 1, 2, 3 });
        using Tensor segment = tensor((IList<float>)new ArraySegment<float>([1, 2, 3, 4], 1, 2));
        using Tensor shaped = tensor(new List<int> { 1, 2, 3, 4, 5, 6 }, 2, 3);

        Assert.Equal([1, 2, 3], list.data<float>().ToArray());
        Assert.Equal([2, 3], segment.data<float>().ToArray());
        Assert.Equal([2, 3], shaped.shape);
    }

    [Fact]
    public void Tensor_OtherElementType_IsConverted()
    {
        using Tensor t = tensor(new[] { 1.5, -2.5 }, dtype: ScalarType.Int32);

        Assert.Equal([1, -2], t.data<int>().ToArray());
    }

    [Fact]
    public void Tensor_Scalars_HaveTheirTypeAndNoAxes()
    {
        (Tensor Tensor, ScalarType Type)[] all =
        [
            (tensor((byte)1), ScalarType.Byte), (tensor((sbyte)1), ScalarType.Int8), (tensor((short)1), ScalarType.Int16), (tensor(1), ScalarType.Int32),
            (tensor(1L), ScalarType.Int64), (tensor(1f), ScalarType.Float32), (tensor(1.0), ScalarType.Float64), (tensor(true), ScalarType.Bool),
            (tensor(BFloat16.One), ScalarType.BFloat16), (tensor(1f, 2f), ScalarType.ComplexFloat32), (tensor(new Complex(1, 2)), ScalarType.ComplexFloat64),
        ];
        foreach ((Tensor t, ScalarType type) in all)
        {
            Assert.Equal(type, t.dtype);
            Assert.Empty(t.shape);
            t.Dispose();
        }
    }

    [Fact]
    public void Tensor_ScalarWithType_IsConverted()
    {
        using Tensor t = tensor(3.75, ScalarType.Float16);

        Assert.Equal((Half)3.75, t.item<Half>());
    }

    [Fact]
    public void Tensor_GradientOfIntegers_ThrowsAndLeavesNothing()
    {
        long before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;

        Assert.ThrowsAny<Exception>(() => tensor(new[] { 1, 2 }, requires_grad: true));
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Tensor_RequiresGrad_IsALeaf()
    {
        using Tensor t = tensor(new[] { 1f, 2f }, requires_grad: true);

        Assert.True(t.requires_grad);
        Assert.True(t.is_leaf);
    }

    [Fact]
    public void FromArray_Change_IsSeenOnBothSides()
    {
        float[,] numbers = { { 1, 2 }, { 3, 4 } };
        using Tensor t = from_array(numbers);
        numbers[1, 0] = 17;
        t[0, 1] = tensor(19f);

        Assert.Equal(17f, t[1, 0].item<float>());
        Assert.Equal(19f, numbers[0, 1]);
    }

    [Fact]
    public void FromArray_OtherType_IsACopy()
    {
        float[] numbers = [1, 2];
        using Tensor t = from_array(numbers, ScalarType.Float64);
        numbers[0] = 3;

        Assert.Equal([1.0, 2.0], t.data<double>().ToArray());
    }

    [Fact]
    public void FromArray_ArrayOfEveryType_IsRead()
    {
        Package.Skip("arrays of pairs are refused");
        Array[] arrays = [new[] { true, false }, new byte[] { 2, 3 }, new sbyte[] { 2, 3 }, new short[] { 2, 3 }, new[] { 2, 3 }, new[] { 2L, 3L }, new[] { (Half)2, (Half)3 },
            new[] { BFloat16.One, BFloat16.Zero }, new[] { 2f, 3f }, new[] { 2.0, 3.0 }, new[] { (2f, 3f), (5f, 7f) }, new[] { new Complex(2, 3), new Complex(5, 7) }];
        foreach (Array array in arrays)
        {
            using Tensor t = from_array(array);
            using Tensor again = as_tensor(array);

            Assert.Equal([2], t.shape);
            Assert.Equal(t.bytes.ToArray(), again.bytes.ToArray());
        }
    }

    [Fact]
    public void FromArray_TypeThatTorchLacks_Throws() => Assert.Throws<NotSupportedException>(() => from_array(new[] { "text" }));

    [Fact]
    public void FromArray_ArrayOtherwiseUnused_OutlivesACollection()
    {
        Tensor[] all = [.. Enumerable.Range(0, 64).Select(i => from_array(Enumerable.Repeat(i, 4099).ToArray()))];
        GC.Collect();
        GC.WaitForPendingFinalizers();
        _ = Enumerable.Range(0, 64).Select(i => new int[4099]).ToArray();
        GC.Collect();

        for (int i = 0; i < all.Length; i++)
        {
            Assert.All(all[i].data<int>().ToArray(), x => Assert.Equal(i, x));
            all[i].Dispose();
        }
    }

    [Fact]
    public void AsTensor_Array_SharesItsMemory()
    {
        long[] numbers = [1, 2, 3];
        using Tensor t = as_tensor(numbers);
        numbers[2] = 23;

        Assert.Equal(23, t[2].item<long>());
    }

    [Fact]
    public void AsTensor_Tensor_IsTheSameMemoryUnlessItMustChange()
    {
        using Tensor t = tensor(new[] { 1f, 2f });
        using Tensor same = as_tensor(t);
        using Tensor other = as_tensor(t, ScalarType.Float64);
        t.fill_(5);

        Assert.Equal([5f, 5f], same.data<float>().ToArray());
        Assert.Equal([1.0, 2.0], other.data<double>().ToArray());
    }

    [Fact]
    public void FromBuffer_OffsetAndCount_AreInElements()
    {
        int[] numbers = [2, 3, 5, 7, 11];
        using Tensor t = frombuffer(numbers, ScalarType.Int32, count: 2, offset: 1);
        numbers[1] = 13;

        Assert.Equal([13, 5], t.data<int>().ToArray());
    }

    [Fact]
    public void FromBuffer_OutOfRange_Throws()
    {
        Assert.Throws<ArgumentException>(() => frombuffer(new int[3], ScalarType.Int32, offset: 3));
        Assert.Throws<IndexOutOfRangeException>(() => frombuffer(new int[3], ScalarType.Int32, count: 3, offset: 1));
    }

    [Fact]
    public void Arange_Integers_AreLongUnlessAskedOtherwise()
    {
        using Tensor whole = arange(5);
        using Tensor real = arange(0.5, 2.0, 0.5);
        using Tensor down = arange(7, 1, -2);

        Assert.Equal([0L, 1, 2, 3, 4], whole.data<long>().ToArray());
        Assert.Equal([0.5f, 1f, 1.5f], real.data<float>().ToArray());
        Assert.Equal([7L, 5, 3], down.data<long>().ToArray());
    }

    [Fact]
    public void Linspace_Ends_AreIncluded()
    {
        using Tensor t = linspace(1, 2, 5);
        using Tensor powers = logspace(0, 3, 4, 2, ScalarType.Float64);

        Assert.Equal([1f, 1.25f, 1.5f, 1.75f, 2f], t.data<float>().ToArray());
        Assert.Equal([1.0, 2, 4, 8], powers.data<double>().ToArray());
    }

    [Fact]
    public void ConstantTensors_HoldTheirValue()
    {
        Assert.Equal([0f, 0, 0, 0, 0, 0], zeros(2, 3).data<float>().ToArray());
        Assert.Equal([1L, 1, 1], ones(3, dtype: ScalarType.Int64).data<long>().ToArray());
        Assert.Equal([2.5, 2.5], full(2, 2.5, ScalarType.Float64).data<double>().ToArray());
        Assert.Equal([1f, 0, 0, 0, 1, 0], eye(2, 3).data<float>().ToArray());
        Assert.Equal([2, 3, 5], empty(2, 3, 5).shape);
        Assert.Equal([5, 2], zeros(new long[] { 5, 2 }).shape);
        Assert.Equal([0, 3], zeros([0, 3]).shape);
    }

    [Fact]
    public void Like_TypeAndShape_AreTheInputs()
    {
        using Tensor t = tensor(new short[,] { { 1, 2, 3 } });

        Assert.Equal([0, 0, 0], zeros_like(t).data<short>().ToArray());
        Assert.Equal([1, 1, 1], ones_like(t).data<short>().ToArray());
        Assert.Equal([4, 4, 4], full_like(t, 4).data<short>().ToArray());
        Assert.Equal([1, 3], empty_like(t).shape);
        Assert.Equal([1, 3], t.rand_like(ScalarType.Float32).shape);
        Assert.Equal(ScalarType.Float64, t.randn_like(ScalarType.Float64).dtype);
        Assert.All(t.randint_like(2, 4).data<short>().ToArray(), x => Assert.InRange(x, (short)2, (short)3));
    }

    [Fact]
    public void New_Type_IsThisTensors()
    {
        using Tensor t = tensor(new double[] { 1 });

        Assert.Equal([0.0, 0], t.new_zeros(2).data<double>().ToArray());
        Assert.Equal([3.0], t.new_full(1, 3).data<double>().ToArray());
        Assert.Equal(ScalarType.Int32, t.new_empty(2, 3, ScalarType.Int32).dtype);
    }

    [Fact]
    public void Random_SameGenerator_RepeatsTheNumbers()
    {
        using var a = new Generator(41);
        using var b = new Generator(41);

        Assert.Equal(randn(3, 5, generator: a).bytes.ToArray(), randn(3, 5, generator: b).bytes.ToArray());
        Assert.Equal(rand(7, generator: a).bytes.ToArray(), rand(7, generator: b).bytes.ToArray());
        Assert.Equal(randperm(13, generator: a).bytes.ToArray(), randperm(13, generator: b).bytes.ToArray());
        Assert.Equal(randint(100, [11], generator: a).bytes.ToArray(), randint(100, [11], generator: b).bytes.ToArray());
        Assert.Equal(normal(5, 2, [3], generator: a).bytes.ToArray(), normal(5, 2, [3], generator: b).bytes.ToArray());
    }

    [Fact]
    public void Random_Ranges_AreKept()
    {
        using var g = new Generator(3);

        Assert.All(rand(211, generator: g).data<float>().ToArray(), x => Assert.InRange(x, 0f, 0.99999994f));
        Assert.All(randint(-3, 4, new long[] { 211 }, generator: g).data<long>().ToArray(), x => Assert.InRange(x, -3, 3));
        Assert.Equal(Enumerable.Range(0, 23).Select(x => (long)x), randperm(23, generator: g).data<long>().ToArray().Order());
        float mean = normal(100, 1, [10007], generator: g).data<float>().ToArray().Average();
        Assert.InRange(mean, 99.95f, 100.05f);
    }

    [Fact]
    public void Names_Given_AreRefused()
    {
        Package.Skip("axes can have names");

        Assert.Throws<NotSupportedException>(() => zeros(2, 3, names: ["B", "T"]));
    }

    [Fact]
    public void DefaultType_Changed_IsUsed()
    {
        Assert.Equal(ScalarType.Float32, get_default_dtype());
        Assert.Equal("cpu", get_default_device().ToString());
        Assert.Throws<ArgumentNullException>(() => set_default_device((Device)null!));
    }

    [Fact]
    public void Cuda_WithoutADevice_Throws()
    {
        Assert.SkipWhen(cuda.is_available(), "This machine has a CUDA device.");

        Assert.Throws<InvalidOperationException>(() => zeros(2, device: new Device("cuda:0")));
    }

    [Fact]
    public void Windows_OfFourPoints_AreTheirFormulas()
    {
        Assert.Equal([0f, 0.5f, 1f, 0.5f], bartlett_window(4).data<float>().ToArray());
        Assert.Equal([0.0, 0.5, 1.0, 0.5], hann_window(4, dtype: ScalarType.Float64).data<double>().ToArray().Select(x => Math.Round(x, 12)));
        Assert.Equal([0.08, 0.77, 0.77, 0.08], hamming_window(4, periodic: false, dtype: ScalarType.Float64).data<double>().ToArray().Select(x => Math.Round(x, 6)));
        Assert.Equal([0.0, 0.63, 0.63, 0.0], blackman_window(4, periodic: false, dtype: ScalarType.Float64).data<double>().ToArray().Select(x => Math.Abs(Math.Round(x, 12))));
        Assert.Equal(1f, kaiser_window(5, periodic: false)[2].item<float>());
    }

    [Fact]
    public void RandFloat_DrawsDoubles()
    {
        using DisposeScope scope = NewDisposeScope();
        using Generator first = new(7), second = new(7);
        double[] expected = [rand([1], ScalarType.Float64, generator: first).item<double>(), randn([1], ScalarType.Float64, generator: first).item<double>()];

        Assert.Equal(expected, new[] { rand_float(second), randn_float(second) });
    }

    [Fact]
    public void Normal_OfTensors_HasGradients()
    {
        Package.Skip("the numbers are drawn in 32 bits");
        using DisposeScope scope = NewDisposeScope();
        Tensor mean = tensor(new[] { 3.0, 5.0, 7.0 }, requires_grad: true), deviation = tensor(2.0, ScalarType.Float64, requires_grad: true);
        using Generator first = new(7), second = new(7);
        Tensor drawn = randn([3], ScalarType.Float64, generator: first);

        Tensor values = normal(mean, deviation, second);
        values.sum().backward();

        Assert.True(values.allclose(mean + 2 * drawn));
        Assert.Equal([1.0, 1, 1], mean.grad!.data<double>().ToArray());
        Assert.Equal(drawn.sum().item<double>(), deviation.grad!.item<double>(), 1e-12);
    }

    [Fact]
    public void Device_OfANumber_NeedsNoDevice() => Assert.Equal((DeviceType.CUDA, 3), (torch.device(3).type, torch.device(3).index));
}
