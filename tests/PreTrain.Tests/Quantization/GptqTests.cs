using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using PreTrain.Pruning;
using PreTrain.Quantization;
using PreTrain.Tests.Modules;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Quantization;

[Collection(nameof(RunsAlone))]
public sealed class GptqTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<int, int, bool, bool> Formats => new() { { 8, 0, true, false }, { 8, 0, true, true }, { 4, 32, false, false }, { 4, 32, false, true } };

    public void Dispose() => _scope.Dispose();

    [Theory]
    [MemberData(nameof(Formats))]
    public void Quantize_AnyFormat_HasTheCodesOfOneEliminationAfterTheOther(int bits, int group, bool symmetric, bool ordered)
    {
        const int outputs = 11, inputs = 64, rows = 97;
        Tensor x = Normal([rows, inputs], 3).matmul(Normal([inputs, inputs], 5)) / 8, weight = Normal([outputs, inputs], 7);
        x[.., 13] = zeros([rows]);
        Tensor moments = x.t().matmul(x);
        using QuantizedMatrix matrix = Gptq.Quantize("map", weight, moments, new QuantizedFormat { Bits = bits, GroupSize = group, IsSymmetric = symmetric }, new GptqOptions { OrdersBySize = ordered });
        double[] expected = Reference(Doubles(weight), Doubles(moments), outputs, inputs, bits, group, ordered), actual = Doubles(matrix.Dequantize());
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-5);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void QuantizeGptq_RealActivations_ErrsLessThanTheNearest(bool ordered)
    {
        QuantizationOptions options = new() { Scheme = QuantizationScheme.Int4Weights, GroupSize = 32 };
        ModelInput[] data = [.. Enumerable.Range(0, 40).Select(i => new ModelInput { Ids = Ids(2, 19, (ulong)i) })];
        using GptModel plain = Model(), nearest = Model(), better = Model();
        var inputs = plain.modules().OfType<Projection>().ToDictionary(m => m, m => new InputStatistics(m, wantsProducts: true, ScalarType.Float32));
        Calibration.Run(plain, [.. inputs.Select(i => (i.Key, (Action<Tensor>)i.Value.Add))], data);
        Quantizer.Quantize(nearest, options);
        QuantizationResult result = Quantizer.QuantizeGptq(better, options, data, new GptqOptions { OrdersBySize = ordered });
        Assert.Equal(8, result.Maps.Count);
        foreach (var ((map, near), gptq) in plain.modules().OfType<Projection>().Zip(Weights(nearest)).Zip(Weights(better)))
        {
            double before = Error(map, near), after = Error(map, gptq);
            Assert.True(after < 0.9 * before, $"{after}, not much less than {before}");
        }
        ModelInput unseen = new() { Ids = Ids(2, 19, 101) };
        Tensor expected = Logits(plain, unseen);
        double far = (Logits(nearest, unseen) - expected).norm().item<float>(), close = (Logits(better, unseen) - expected).norm().item<float>();
        Assert.True(close < far, $"{close}, not less than {far}");

        // The mean square of what the map's outputs are off by.
        double Error(Projection map, QuantizedMatrix codes)
        {
            Tensor off = codes.Dequantize() - map.weight.detach();
            return (off.matmul(inputs[map].Sum) * off).sum().item<float>();
        }
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    [InlineData(false, true)]
    public void Quantize_NormalFloatAndOneScale_ErrLessThanTheNearest(bool isNormal, bool ordered)
    {
        Tensor x = Normal([301, 128], 3).matmul(Normal([128, 128], 5)) / 8, weight = Normal([11, 128], 7), moments = x.t().matmul(x);
        QuantizedFormat format = isNormal ? QuantizedFormat.NormalFloat4 : new QuantizedFormat { IsPerTensor = true };
        using QuantizedMatrix near = QuantizedMatrix.Quantize(weight, format), better = Gptq.Quantize("map", weight, moments, format, new GptqOptions { OrdersBySize = ordered });
        Assert.InRange(Error(better), 0, 0.8 * Error(near));
        Assert.Equal(isNormal, better.Parts().Scales.max().item<float>() != better.Parts().Scales.min().item<float>());

        double Error(QuantizedMatrix codes)
        {
            Tensor off = codes.Dequantize() - weight;
            return (off.matmul(moments) * off).sum().item<float>();
        }
    }

    [Theory]
    [InlineData(QuantizationScheme.Int8Weights, null, false)]
    [InlineData(QuantizationScheme.Int8Weights, "2:4", true)]
    [InlineData(QuantizationScheme.Int4Weights, null, true)]
    [InlineData(QuantizationScheme.Int4Weights, "2:4", false)]
    public void QuantizeGptq_PrunedModel_KeepsItsZeros(QuantizationScheme scheme, string? pattern, bool ordered)
    {
        using GptModel model = Model();
        Pruner.Prune(model, new PruningOptions { Sparsity = 0.5, Pattern = pattern is null ? null : SparsityPattern.Parse(pattern) });
        Tensor[] before = [.. model.modules().OfType<Projection>().Select(map => map.weight.detach().clone())];
        ModelInput[] data = [.. Enumerable.Range(0, 40).Select(i => new ModelInput { Ids = Ids(2, 19, (ulong)i) })];
        Quantizer.QuantizeGptq(model, new QuantizationOptions { Scheme = scheme, GroupSize = 32 }, data, new GptqOptions { OrdersBySize = ordered });
        Tensor[] after = [.. Weights(model).Select(codes => codes.Dequantize())];
        foreach (var (was, now) in before.Zip(after)) Assert.Equal(0, now[was.eq(0)].abs().max().item<float>());
        Assert.Equal(after.Sum(now => now.eq(0).sum().item<long>()), SparsityReport.Of(model).Zeros);
        Assert.InRange(SparsityReport.Of(model).Sparsity, 0.5, 0.7);
    }

    [Fact]
    public void Quantize_FewZeros_TakeUpErrorsAsOthersDo()
    {
        Tensor x = Normal([97, 64], 3).matmul(Normal([64, 64], 5)) / 8, weight = Normal([11, 64], 7), moments = x.t().matmul(x);
        weight[.., 60] = zeros([11]);
        using QuantizedMatrix codes = Gptq.Quantize("map", weight, moments, QuantizedFormat.Int8, new GptqOptions());
        double[] expected = Reference(Doubles(weight), Doubles(moments), 11, 64, 8, 0, false), actual = Doubles(codes.Dequantize());
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-5);
        Assert.Contains(Enumerable.Range(0, 11), o => actual[o * 64 + 60] != 0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Quantize_Cancelled_ChangesNothing(bool isAwq)
    {
        using GptModel model = Model();
        using var source = new CancellationTokenSource();
        byte[] before = Bytes(model.blocks[0].attention_norm.weight);
        QuantizationOptions options = new() { Scheme = QuantizationScheme.Int4Weights, GroupSize = 32 };
        int read = 0;
        Assert.Throws<OperationCanceledException>(() => isAwq ? Quantizer.QuantizeAwq(model, options, Data(), cancellationToken: source.Token) : Quantizer.QuantizeGptq(model, options, Data(), cancellationToken: source.Token));
        Assert.Equal(2, read);
        Assert.Throws<OperationCanceledException>(() => Quantizer.Quantize(model, options, source.Token));
        Assert.Throws<OperationCanceledException>(() => Quantizer.Smooth(model, Data(), cancellationToken: source.Token));
        Assert.Throws<OperationCanceledException>(() => MixedPrecision.Scan(model, options, () => 1, cancellationToken: source.Token));
        Assert.All(model.modules().OfType<Projection>(), map => Assert.Null(map.Transform));
        Assert.Equal(before, Bytes(model.blocks[0].attention_norm.weight));

        IEnumerable<ModelInput> Data()
        {
            for (int i = 0; i < 12; i++)
            {
                if (++read == 2) source.Cancel();
                yield return new ModelInput { Ids = Ids(2, 19, (ulong)i) };
            }
        }
    }

    [Fact]
    public void QuantizeGptq_FewData_AreRefusedAndChangeNothing()
    {
        using GptModel model = Model();
        ModelInput input = new() { Ids = Ids(2, 19, 3) };
        Tensor before = Logits(model, input);
        string message = Assert.Throws<ArgumentException>(() => Quantizer.QuantizeGptq(model, new QuantizationOptions(), [input])).Message;
        Assert.Contains("The linear map 'blocks.0.qkv' saw 38 rows, fewer than 96.", message, StringComparison.Ordinal);
        Assert.Equal(Bytes(before), Bytes(Logits(model, input)));
        Assert.Equal("Damping (0) must be a positive number.", Assert.Throws<ArgumentException>(() => Quantizer.QuantizeGptq(model, new QuantizationOptions(), [input], new GptqOptions { Damping = 0 })).Message);
    }

    [Theory]
    [InlineData(double.NaN, false)]
    [InlineData(1e25, false)]
    [InlineData(double.NaN, true)]
    [InlineData(1e25, true)]
    public void Quantize_InputsThatAreNotFinite_AreRefusedAndChangeNothing(double value, bool isAwq)
    {
        using GptModel model = Model();
        ModelInput[] data = [.. Enumerable.Range(0, 12).Select(i => new ModelInput { Ids = Ids(2, 19, (ulong)i) })];
        // A value that is too large is one whose square is.
        using (no_grad()) (double.IsNaN(value) ? model.token_embedding[3] : model.blocks[0].attention_norm.weight)[5] = (float)value;
        byte[] before = Bytes(model.blocks[0].attention_norm.weight);
        string message = Assert.Throws<ArgumentException>(() => isAwq
            ? Quantizer.QuantizeAwq(model, new QuantizationOptions { Scheme = QuantizationScheme.Int4Weights, GroupSize = 32 }, data)
            : Quantizer.QuantizeGptq(model, new QuantizationOptions(), data)).Message;
        Assert.Equal("The calibration gives inputs of the linear map 'blocks.0.qkv' that are not finite, or too large.", message);
        Assert.All(model.modules().OfType<Projection>(), map => Assert.Null(map.Transform));
        Assert.Equal(before, Bytes(model.blocks[0].attention_norm.weight));
    }

    [Fact]
    public void Quantize_DampingThatIsTooSmall_IsNamed()
    {
        Tensor x = Normal([1, 64], 3), weight = Normal([7, 64], 5);   // moments of rank 1, whose roundings are beyond the damping
        string message = Assert.Throws<ArgumentException>(() => Gptq.Quantize("blocks.0.qkv", weight, x.t().matmul(x), QuantizedFormat.Int8, new GptqOptions { Damping = 1e-10 })).Message;
        Assert.Contains("Damping (1E-10) is too small for the inputs of the linear map 'blocks.0.qkv'", message, StringComparison.Ordinal);
    }

    [Fact]
    public void QuantizeGptq_LeavesNoTensor()
    {
        ModelInput[] data = [.. Enumerable.Range(0, 12).Select(i => new ModelInput { Ids = Ids(2, 19, (ulong)i) })];
        Evaluate();
        long before = LiveTensors.Count();
        for (int i = 0; i < 2; i++) Evaluate();
        Assert.Equal(before, LiveTensors.Count());

        void Evaluate()
        {
            using DisposeScope scope = NewDisposeScope();
            using GptModel model = Model();
            Quantizer.QuantizeGptq(model, new QuantizationOptions { Skip = ["*feed_forward_output"] }, data);
        }
    }

    /// <summary>Equations 2 and 3 of the paper as they stand: after each input its row and column are eliminated from the inverse.</summary>
    private static double[] Reference(double[] weight, double[] moments, int outputs, int inputs, int bits, int group, bool ordered)
    {
        int[] order = [.. Enumerable.Range(0, inputs)];
        if (ordered) order = [.. order.OrderByDescending(i => moments[i * inputs + i])];
        for (int i = 0; i < inputs; i++)
        {
            if (moments[i * inputs + i] != 0) continue;
            moments[i * inputs + i] = 1;
            for (int o = 0; o < outputs; o++) weight[o * inputs + i] = 0;
        }
        double damping = 0.01 * Enumerable.Range(0, inputs).Average(i => moments[i * inputs + i]);
        for (int i = 0; i < inputs; i++) moments[i * inputs + i] += damping;
        double[] inverse = Doubles(linalg.inv(tensor(moments, [inputs, inputs])));
        int run = group == 0 ? inputs : group;
        double[] fixedWeight = [.. weight], values = new double[weight.Length];
        var grids = new (double Step, double Zero)[outputs, inputs / run];
        foreach (int i in order)
        {
            for (int o = 0; o < outputs; o++)
            {
                if (ordered || i % run == 0)
                {
                    int first = i / run * run;
                    double[] row = (ordered ? fixedWeight : weight)[(o * inputs + first)..(o * inputs + first + run)];
                    double least = Math.Min(0, row.Min()), largest = Math.Max(0, row.Max());
                    double step = bits == 8 ? Math.Max(-least, largest) / 127 : (largest - least) / 15;
                    grids[o, i / run] = (step, bits == 8 ? 0 : Math.Round(-least / step));
                }
                var (size, zero) = grids[o, i / run];
                (double lowest, double highest) = bits == 8 ? (-127, 127) : (0 - zero, 15 - zero);
                double value = Math.Clamp(Math.Round(weight[o * inputs + i] / size), lowest, highest) * size;
                values[o * inputs + i] = value;
                double error = (weight[o * inputs + i] - value) / inverse[i * inputs + i];
                for (int k = 0; k < inputs; k++) weight[o * inputs + k] -= error * inverse[i * inputs + k];
            }
            double[] column = [.. Enumerable.Range(0, inputs).Select(k => inverse[k * inputs + i])];
            double pivot = column[i];
            for (int a = 0; a < inputs; a++)
                for (int b = 0; b < inputs; b++) inverse[a * inputs + b] -= column[a] * column[b] / pivot;
        }
        return values;
    }

    private static GptModel Model()
    {
        using var generator = new Generator(5);
        var model = new GptModel(new() { VocabSize = 43, ContextLength = 19, LayerCount = 2, HeadCount = 3, EmbeddingDim = 96, Dropout = 0, InitializerRange = 0.2 }, generator: generator);
        model.eval();
        return model;
    }

    private static IEnumerable<QuantizedMatrix> Weights(GptModel model) => model.modules().OfType<Projection>().Select(m => ((QuantizedProjection)m.Transform!).Weight);

    private static Tensor Ids(int rows, int length, ulong seed)
    {
        using var generator = new Generator(seed);
        return randint(0, 43, [rows, length], dtype: ScalarType.Int64, generator: generator);
    }

    private static Tensor Logits(GptModel model, ModelInput input)
    {
        using IDisposable mode = no_grad();
        return model.Forward(input).Logits;
    }
}
