using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using PreTrain.Quantization;
using PreTrain.Tests.Training;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules.Quantized;

/// <summary>Quantized maps on devices other than the CPU. What is not a matter of numbers, the device without any (meta) shows; it refuses operators whose tensors are on two devices.</summary>
[Collection(nameof(RunsAlone))]
public sealed class DeviceCodesTests : IDisposable
{
    private static readonly GptConfig s_config = new() { VocabSize = 31, ContextLength = 11, LayerCount = 2, HeadCount = 2, EmbeddingDim = 64, FeedForwardDim = 128, Dropout = 0, InitializerRange = 0.1 };

    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<QuantizationOptions> Kinds =>
    [
        new QuantizationOptions { HasQuantizedTiedHead = true },
        new QuantizationOptions { Scheme = QuantizationScheme.Int8Static },
        new QuantizationOptions { Scheme = QuantizationScheme.Int8Weights, HasHalfScales = true },
        new QuantizationOptions { Scheme = QuantizationScheme.Int4Weights, GroupSize = 32, IsSymmetric = false, HasQuantizedTiedHead = true },
        new QuantizationOptions { Scheme = QuantizationScheme.NormalFloat4 },
    ];

    public static TheoryData<QuantizedFormat> Formats =>
    [
        QuantizedFormat.Int8, new QuantizedFormat { IsPerTensor = true }, new QuantizedFormat { GroupSize = 32, HasHalfScales = true }, QuantizedFormat.Int4(32), QuantizedFormat.Int4(64) with { HasHalfScales = true },
        QuantizedFormat.Int4(32, isSymmetric: false), QuantizedFormat.NormalFloat4, QuantizedFormat.NormalFloat4 with { HasDoubleScales = false },
    ];

    public void Dispose() => _scope.Dispose();

    [Theory]
    [MemberData(nameof(Formats))]
    public void Dequantize_AnyFormat_GivesTheValuesOfTheMatrix(QuantizedFormat format)
    {
        foreach (int outputs in new[] { 1, 24, 53 })
        {
            Tensor weight = Normal([outputs, format.GroupSize == 0 ? 37 : 3 * format.GroupSize], 5) + 0.2;
            using QuantizedMatrix matrix = QuantizedMatrix.Quantize(weight, format);
            using var codes = new DeviceCodes(matrix, CPU);
            Tensor expected = matrix.Dequantize();
            Assert.Equal(expected.shape, codes.Dequantize(ScalarType.Float32).shape);
            Assert.Equal(Bytes(expected), Bytes(codes.Dequantize(ScalarType.Float32)));
            Assert.Equal(Bytes(expected.to(ScalarType.BFloat16)), Bytes(codes.Dequantize(ScalarType.BFloat16)));
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void ValueProduct_AnyFormat_ComputesWithTheValues(QuantizedFormat format)
    {
        using QuantizedMatrix weight = QuantizedMatrix.Quantize(Normal([29, format.GroupSize == 0 ? 37 : 2 * format.GroupSize], 5), format);
        Tensor values = weight.Dequantize(), bias = Normal([29], 7), x = Normal([7, weight.Inputs], 3), gradient = Normal([7, 29], 9);
        Tensor expected = x.to(ScalarType.Float64).matmul(values.to(ScalarType.Float64).t());
        AssertClose(Doubles(expected), Doubles(ValueProduct.Apply(x, weight, null)), 29, 1e-5, "without bias");
        AssertClose(Doubles(expected + bias), Doubles(ValueProduct.Apply(x, weight, bias)), 29, 1e-5, "with bias");
        AssertClose(Doubles(gradient.to(ScalarType.Float64).matmul(values.to(ScalarType.Float64))), Doubles(ValueProduct.InputGradient(gradient, weight)), weight.Inputs, 1e-5, "gradient");
        foreach (Tensor half in new[] { ValueProduct.Apply(x.to(ScalarType.BFloat16), weight, bias), ValueProduct.InputGradient(gradient.to(ScalarType.BFloat16), weight) }) Assert.Equal(ScalarType.BFloat16, half.dtype);
    }

    [Fact]
    public void Dequantize_ManyValues_AreMadeInParts()
    {
        using QuantizedMatrix matrix = QuantizedMatrix.Quantize(Normal([521, 33 * 1024], 5), QuantizedFormat.Int4(32, isSymmetric: false));   // a little more than at once
        using var codes = new DeviceCodes(matrix, CPU);
        Assert.True(matrix.Dequantize().eq(codes.Dequantize(ScalarType.Float32)).all().item<bool>());
    }

    [Fact]
    public void Dequantize_AnotherDevice_IsThereInTheGivenType()
    {
        using QuantizedMatrix matrix = QuantizedMatrix.Quantize(Normal([24, 64], 5), QuantizedFormat.Int4(32));
        foreach (Device device in new[] { CPU, META })
        {
            foreach (ScalarType type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
            {
                Tensor values = matrix.Dequantize(device, type);
                Assert.Equal((device.type, type), (values.device_type, values.dtype));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Forward_AnotherDevice_StaysThere(QuantizationOptions options)
    {
        using GptModel model = Quantized(options, CPU);
        model.to(META);
        using IDisposable mode = no_grad();
        foreach (Projection map in model.modules().OfType<Projection>())
        {
            QuantizedMatrix weight = QuantizedProjection.Of(map)!.Weight;
            Tensor y = map.forward(zeros([2, 3, weight.Inputs], dtype: ScalarType.BFloat16, device: META));
            Assert.Equal((DeviceType.META, ScalarType.BFloat16), (y.device_type, y.dtype));
            Assert.Equal([2, 3, weight.Outputs], y.shape);
        }
        TiedHead head = model.modules().OfType<TiedHead>().Single();
        Assert.Equal(options.HasQuantizedTiedHead, head.Quantized is not null);
        Tensor scores = head.Forward(zeros([3, 64], device: META));
        Assert.Equal(DeviceType.META, scores.device_type);
        Assert.Equal([3, 31], scores.shape);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Backward_AdapterOnAnotherDevice_StaysThere(bool decomposed)
    {
        using GptModel model = Quantized(new QuantizationOptions { Scheme = QuantizationScheme.NormalFloat4 }, CPU);
        model.to(META);
        // Not all maps, so that gradients pass some that have no update.
        using var adapter = new LoraAdapter(model, new LoraOptions { Targets = ["*qkv"], IsWeightDecomposed = decomposed });
        foreach (Projection map in model.modules().OfType<Projection>())
        {
            Tensor x = zeros([2, 3, QuantizedProjection.Of(map)!.Weight.Inputs], device: META).requires_grad_();
            map.forward(x).sum().backward();
            Assert.Equal(DeviceType.META, x.grad!.device_type);
        }
        Assert.All(adapter.Parameters(), p => Assert.Equal(DeviceType.META, p.Value.grad!.device_type));
    }

    [Fact]
    public void Dequantize_OneDeviceAfterAnother_KeepsOneCopy()
    {
        Tensor weight = Normal([24, 64], 5);
        long before = LiveTensors.Count();   // no finalizer runs from here on, since nothing is left to them
        using (QuantizedMatrix matrix = QuantizedMatrix.Quantize(weight, QuantizedFormat.Int4(32, isSymmetric: false)))
        {
            long alone = Tensor.TotalCount;
            foreach (Device device in new[] { META, CPU, META, new Device(DeviceType.META) }) matrix.Dequantize(device, ScalarType.BFloat16).Dispose();
            Assert.Equal(alone + 4, Tensor.TotalCount);   // codes, scales, zero points and the table
            matrix.ReleaseCopy();
            Assert.Equal(alone, Tensor.TotalCount);
            matrix.Dequantize(META, ScalarType.Float32).Dispose();
        }
        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void QuantizationAwareTraining_AnotherDevice_IsRefused()
    {
        using GptModel model = Model(), moved = Model();
        moved.to(META);
        var options = new QuantizationOptions { Scheme = QuantizationScheme.Int4Weights, GroupSize = 32 };
        Assert.Equal("The model is on meta, and training with roundings computes on the CPU; move it there. (Parameter 'model')", Assert.Throws<ArgumentException>(() => new QuantizationAwareTraining(moved, options)).Message);
        using var aware = new QuantizationAwareTraining(model, options);
        model.to(META);
        Assert.Contains("x is on meta", Assert.Throws<InvalidOperationException>(() => model.blocks[0].qkv.forward(zeros([1, 64], device: META))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Forward_Cuda_ComputesAsTheCpuDoes()
    {
        Assert.SkipUnless(cuda.is_available(), "There is no CUDA device.");
        foreach (QuantizationOptions options in Kinds.Select(kind => kind.Data))
        {
            using GptModel model = Quantized(options, CPU), there = Quantized(options, CUDA);
            // Whichever device it was quantized on.
            foreach (var (one, other) in Maps(model).Zip(Maps(there))) Assert.Equal(Bytes(one.Weight.Dequantize()), Bytes(other.Weight.Dequantize()));
            Tensor expected = Logits(model, Ids(CPU)), error = (Logits(there, Ids(CUDA)).cpu() - expected).norm() / expected.norm();
            // Activations of 8 bits are rounded on the CPU alone.
            Assert.InRange(error.item<float>(), 0, options.Scheme is QuantizationScheme.Int8Dynamic or QuantizationScheme.Int8Static ? 0.03 : 1e-4);
        }
    }

    [Fact]
    public void Quantize_FromDataOnCuda_ComputesNearlyTheSame()
    {
        Assert.SkipUnless(cuda.is_available(), "There is no CUDA device.");
        var options = new QuantizationOptions { Scheme = QuantizationScheme.Int4Weights, GroupSize = 32 };
        foreach (Action<GptModel> quantize in new Action<GptModel>[] { m => Quantizer.QuantizeGptq(m, options, Data(CUDA)), m => Quantizer.QuantizeAwq(m, options, Data(CUDA)) })
        {
            using GptModel model = Model();
            Tensor expected = Logits(model, Ids(CPU));
            model.to(CUDA);
            quantize(model);
            Assert.InRange(((Logits(model, Ids(CUDA)).cpu() - expected).norm() / expected.norm()).item<float>(), 1e-4, 0.3);
        }
    }

    private static IEnumerable<QuantizedProjection> Maps(GptModel model) => model.modules().OfType<QuantizedProjection>();

    private static GptModel Quantized(QuantizationOptions options, Device device)
    {
        GptModel model = Model();
        model.to(device);
        if (options.Scheme == QuantizationScheme.Int8Static) Quantizer.QuantizeStatic(model, options, Data(device));
        else Quantizer.Quantize(model, options);
        return model;
    }

    private static IEnumerable<ModelInput> Data(Device device) => Enumerable.Range(0, 8).Select(_ => new ModelInput { Ids = Ids(device) });

    private static GptModel Model()
    {
        GptModel model = Tiny.Model(s_config);
        model.eval();
        return model;
    }

    private static Tensor Ids(Device device)
    {
        using var generator = new Generator(3);
        return randint(0, 31, [2, 11], dtype: ScalarType.Int64, generator: generator).to(device);
    }

    private static Tensor Logits(GptModel model, Tensor ids)
    {
        using IDisposable mode = no_grad();
        return model.Forward(new ModelInput { Ids = ids }).Logits;
    }
}
