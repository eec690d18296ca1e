using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using PreTrain.Quantization;
using PreTrain.Tests.Checkpoints;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Quantization;

[Collection(nameof(RunsAlone))]
public sealed class AwqTests : IDisposable
{
    private const int Outputs = 7, Inputs = 64, Group = 32, Rows = 53;
    private static readonly QuantizationOptions s_int4 = new() { Scheme = QuantizationScheme.Int4Weights, GroupSize = Group };

    private readonly TemporaryFolder folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void Search_UnevenInputs_FindsTheScalesOfASlowSearchOverAllRows()
    {
        Tensor x = Uneven(), first = Normal([Outputs, Inputs], 7), second = Normal([5, Inputs], 11);
        Tensor? scales = Awq.Search([first, second], x.abs().mean([0]), x.t().matmul(x), s_int4.Format, new AwqOptions());
        double[] rows = Doubles(x), sizes = new double[Inputs];
        for (int r = 0; r < Rows; r++)
            for (int i = 0; i < Inputs; i++) sizes[i] += Math.Abs(rows[r * Inputs + i]) / Rows;
        double least = double.PositiveInfinity;
        double[] best = [];
        for (int step = 0; step < 20; step++)
        {
            double[] tried = [.. sizes.Select(size => Math.Max(Math.Pow(size, step / 20.0), 1e-4))];
            double middle = Math.Sqrt(tried.Max() * tried.Min());
            tried = [.. tried.Select(s => s / middle)];
            double error = 0;
            foreach (Tensor weight in new[] { first, second })
            {
                double[] w = Doubles(weight), scaled = [.. w.Select((v, at) => v * tried[at % Inputs])], rounded = Rounded(scaled);
                error += OutputError(rows, [.. rounded.Select((v, at) => v / tried[at % Inputs] - w[at])], 0, Inputs).Sum();
            }
            if (error < least) (least, best) = (error, tried);
        }
        Assert.NotNull(scales);
        Assert.NotEqual(1, best[0]);
        double[] actual = Doubles(scales);
        for (int i = 0; i < Inputs; i++) Assert.Equal(best[i], actual[i], 1e-4 * best[i]);
    }

    [Fact]
    public void Clip_AnyGroup_CutsWhereASlowSearchDoes()
    {
        Tensor x = Uneven(), weight = Normal([Outputs, Inputs], 7);
        double[] actual = Doubles(Awq.Clip(weight, x.t().matmul(x), s_int4.Format, new AwqOptions())), rows = Doubles(x), w = Doubles(weight);
        int cuts = 0;
        for (int o = 0; o < Outputs; o++)
        {
            for (int g = 0; g < Inputs; g += Group)
            {
                double[] part = w[(o * Inputs + g)..(o * Inputs + g + Group)];
                double largest = part.Max(Math.Abs), least = double.PositiveInfinity, limit = largest;
                for (int step = 0; step < 10; step++)
                {
                    double tried = (float)largest * (float)(1 - 0.5 * step / 10), error = OutputError(rows, [.. RoundedGroup([.. part.Select(v => Math.Clamp(v, -tried, tried))]).Zip(part, (a, b) => a - b)], g, Group).Single();
                    if (error < least) (least, limit) = (error, tried);
                }
                if (limit < largest) cuts++;
                for (int i = 0; i < Group; i++) Assert.Equal(Math.Clamp(part[i], -limit, limit), actual[o * Inputs + g + i], 1e-6);
            }
        }
        Assert.InRange(cuts, 1, Outputs * Inputs / Group - 1);
    }

    [Fact]
    public void QuantizeAwq_UnevenInputs_ErrsLessThanTheNearestAndLoadsAgain()
    {
        using GptModel plain = Uneven(Model()), nearest = Uneven(Model()), better = Uneven(Model());
        Quantizer.Quantize(nearest, s_int4);
        QuantizationResult result = Quantizer.QuantizeAwq(better, s_int4, Data());
        Assert.Equal(8, result.Maps.Count);
        Tensor ids = Ids(99), expected = Logits(plain, ids), after = Logits(better, ids);
        double far = (Logits(nearest, ids) - expected).norm().item<float>(), close = (after - expected).norm().item<float>();
        Assert.True(close < 0.8 * far, $"{close}, not much less than {far}");
        better.SavePretrained(folder["saved"]);
        using ITransformerModel loaded = AutoModel.FromPretrained(folder["saved"]);
        ((nn.Module)loaded).eval();
        Assert.Equal(Bytes(after), Bytes(Logits(loaded, ids)));
    }

    [Fact]
    public void QuantizeAwq_Refused_ChangesNothing()
    {
        using GptModel model = Uneven(Model());
        Tensor ids = Ids(99), before = Logits(model, ids);
        Assert.Contains("'blocks.0.qkv' saw 13 rows, fewer than 32.", Assert.Throws<ArgumentException>(() => Quantizer.QuantizeAwq(model, s_int4, [new ModelInput { Ids = ids }])).Message, StringComparison.Ordinal);
        Assert.Contains("ScaleSteps (0)", Assert.Throws<ArgumentException>(() => Quantizer.QuantizeAwq(model, s_int4, Data(), new AwqOptions { ScaleSteps = 0 })).Message, StringComparison.Ordinal);
        // Found out when scales are folded already: a scale that no half holds.
        using (no_grad()) model.blocks[1].feed_forward_output.weight[0, 0] = tensor(3e6f);
        before = Logits(model, ids);
        Assert.Contains("beyond float16", Assert.Throws<ArgumentException>(() => Quantizer.QuantizeAwq(model, s_int4 with { HasHalfScales = true }, Data(), new AwqOptions { ClipSteps = 1 })).Message, StringComparison.Ordinal);
        Assert.Equal(Bytes(before), Bytes(Logits(model, ids)));
    }

    [Fact]
    public void QuantizeAwq_LeavesNoTensor()
    {
        ModelInput[] data = Data();
        Evaluate();
        Assert.Equal(0, Evaluate());   // of what no finalizer and no scope of the caller has tidied

        // The tensors that a call leaves to finalizers.
        long Evaluate()
        {
            LiveTensors.Count();
            using GptModel model = Model();
            Quantizer.QuantizeAwq(model, s_int4 with { Skip = ["*feed_forward_output"] }, data, new AwqOptions { ScaleSteps = 3, ClipSteps = 2 });
            long left = Tensor.TotalCount;
            return left - LiveTensors.Count();
        }
    }

    /// <summary>The squares of what outputs are off by, summed over the rows.</summary>
    private static IEnumerable<double> OutputError(double[] rows, double[] off, int first, int count)
    {
        for (int o = 0; o < off.Length / count; o++)
        {
            double sum = 0;
            for (int r = 0; r < Rows; r++)
            {
                double y = 0;
                for (int i = 0; i < count; i++) y += rows[r * Inputs + first + i] * off[o * count + i];
                sum += y * y;
            }
            yield return sum;
        }
    }

    private static double[] Rounded(double[] weight) => [.. weight.Chunk(Group).SelectMany(RoundedGroup)];

    private static double[] RoundedGroup(double[] group)
    {
        // In 32 bits: where a group is cut on both sides, its ends and its zero point are half way between two codes.
        float least = (float)Math.Min(0, group.Min()), step = ((float)Math.Max(0, group.Max()) - least) / 15, zero = MathF.Round(-least / step);
        return [.. group.Select(v => (double)(Math.Clamp(MathF.Round((float)v / step) + zero, 0, 15) - zero) * step)];
    }

    private static Tensor Uneven()
    {
        Tensor x = Normal([Rows, Inputs], 3);
        foreach (int i in new[] { 5, 20, 41 }) x[.., i].mul_(17);
        return x;
    }

    /// <summary>As trained models are: a few inputs are large, and their weights small.</summary>
    internal static GptModel Uneven(GptModel model)
    {
        using IDisposable mode = no_grad();
        foreach (GptBlock block in model.blocks)
        {
            foreach (var (norm, map) in new[] { (block.attention_norm, block.qkv), (block.feed_forward_norm, block.feed_forward_input) })
            {
                foreach (var (input, size) in new[] { (7, 25.0), (50, 13.0) })
                {
                    norm.weight[input].mul_(size);
                    map.weight[.., input].div_(size);
                }
            }
        }
        return model;
    }

    internal static GptModel Model()
    {
        using var generator = new Generator(5);
        var model = new GptModel(new() { VocabSize = 43, ContextLength = 19, LayerCount = 2, HeadCount = 3, EmbeddingDim = 96, Dropout = 0, InitializerRange = 0.1 }, generator: generator);
        model.eval();
        return model;
    }

    internal static ModelInput[] Data() => [.. Enumerable.Range(0, 20).Select(i => new ModelInput { Ids = Ids((ulong)i) })];

    internal static Tensor Ids(ulong seed)
    {
        using var generator = new Generator(seed);
        return randint(0, 43, [1, 13], dtype: ScalarType.Int64, generator: generator);
    }

    internal static Tensor Logits(ITransformerModel model, Tensor ids)
    {
        using IDisposable mode = no_grad();
        return model.Forward(new ModelInput { Ids = ids }).Logits;
    }
}
