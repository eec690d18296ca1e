using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using PreTrain.Quantization;
using PreTrain.Tests.Checkpoints;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static PreTrain.Tests.Quantization.AwqTests;
using static TorchSharp.torch;

namespace PreTrain.Tests.Quantization;

[Collection(nameof(RunsAlone))]
public sealed class StaticActivationTests : IDisposable
{
    private static readonly QuantizationOptions s_static = new() { Scheme = QuantizationScheme.Int8Static };

    private readonly TemporaryFolder folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        folder.Dispose();
    }

    [Theory]
    [InlineData(50, 80)]
    [InlineData(99, 100)]
    [InlineData(99.9, 100)]
    public void Grid_Percentile_IsWithinABinOfTheSortedValues(double percentile, double scale)
    {
        Tensor x = (Normal([97, 31], 3) + 0.7).exp() * scale - 3 * scale;
        var histogram = new ActivationHistogram("map");
        foreach (Tensor part in x.chunk(5, 0)) histogram.Add(part);
        double[] sorted = [.. Doubles(x).Order()];
        int beyond = sorted.Length - (int)Math.Ceiling(percentile / 100 * sorted.Length);
        double least = Math.Min(0, sorted[beyond]), largest = Math.Max(0, sorted[^(beyond + 1)]);
        ActivationGrid grid = histogram.Grid(new ActivationOptions { Range = ActivationRange.Percentile, Percentile = percentile == 50 ? 50.0001 : percentile });
        Assert.Equal(largest - least, grid.Scale * 255, 2 * histogram.Width);
        ActivationGrid symmetric = histogram.Grid(new ActivationOptions { Range = ActivationRange.Percentile, Percentile = percentile == 50 ? 50.0001 : percentile, IsSymmetric = true });
        Assert.Equal(Math.Max(-least, largest), symmetric.Scale * 127, histogram.Width);
        Assert.Equal(128, symmetric.Zero);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Grid_MeanSquare_ErrsAsLittleAsTheBestOfAllValues(bool symmetric)
    {
        Tensor x = Normal([9001, 31], 3);
        x[0, 0] = 6;                                           // worth clipping, among so many
        x[1, 0] = -6;
        var histogram = new ActivationHistogram("map");
        foreach (Tensor part in x.chunk(3, 0)) histogram.Add(part);
        double[] values = Doubles(x);
        float least = (float)values.Min(), largest = (float)values.Max();
        double best = Enumerable.Range(21, 80).Min(part => Error(ActivationGrid.Of(least * part / 100, largest * part / 100, symmetric)));
        ActivationGrid grid = histogram.Grid(new ActivationOptions { Range = ActivationRange.MeanSquare, IsSymmetric = symmetric });
        Assert.InRange(Error(grid), 0, 1.001 * best);
        Assert.True(Error(ActivationGrid.Of(least, largest, symmetric)) > 1.2 * best);

        double Error(ActivationGrid grid) => values.Sum(v =>
        {
            double off = (Math.Clamp(Math.Round(v / grid.Scale) + grid.Zero, 0, 255) - grid.Zero) * grid.Scale - v;
            return off * off;
        });
    }

    [Fact]
    public void Grid_MinMax_ReachesFromTheLeastToTheLargest()
    {
        var histogram = new ActivationHistogram("map");
        histogram.Add(zeros([2, 3]));
        Assert.Equal(ActivationGrid.Of(0, 0, false), histogram.Grid(new ActivationOptions()));
        histogram.Add(tensor([-1.5f, 0.25f, 3.6f], [1, 3]));
        histogram.Add(tensor([900f, 0f, -0.1f], [1, 3]));
        Assert.Equal(ActivationGrid.Of(-1.5f, 900, false), histogram.Grid(new ActivationOptions()));
        Assert.Contains("linear map 'map' that are not finite", Assert.Throws<ArgumentException>(() => histogram.Add(tensor([float.NaN], [1, 1]))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(QuantizationGranularity.Tensor, ActivationRange.MinMax, false)]
    [InlineData(QuantizationGranularity.Channel, ActivationRange.Percentile, true)]
    [InlineData(QuantizationGranularity.Group, ActivationRange.MeanSquare, false)]
    public void QuantizeStatic_AnyGranularity_StaysNearAndLoadsTheSame(QuantizationGranularity granularity, ActivationRange range, bool symmetric)
    {
        using GptModel plain = Model(), model = Model();
        QuantizationResult result = Quantizer.QuantizeStatic(model, s_static with { Granularity = granularity, GroupSize = 32 }, AwqTests.Data(), new ActivationOptions { Range = range, IsSymmetric = symmetric });
        Tensor ids = Ids(99), expected = Logits(plain, ids), actual = Logits(model, ids);
        Assert.InRange(SmoothingTests.Error(expected, actual), 1e-4, 0.06);
        Assert.All(model.modules().OfType<QuantizedProjection>(), map => Assert.Equal(symmetric, map.Activations!.Zero == 128));
        Assert.Equal(8, result.Maps.Count);
        model.SavePretrained(folder["saved"]);
        using ITransformerModel loaded = AutoModel.FromPretrained(folder["saved"]);
        ((nn.Module)loaded).eval();
        Assert.Equal(Bytes(actual), Bytes(Logits(loaded, ids)));
        loaded.SavePretrained(folder["again"]);
        foreach (string file in new[] { "config.json", "model.safetensors" }) Assert.Equal(File.ReadAllBytes(Path.Combine(folder["saved"], file)), File.ReadAllBytes(Path.Combine(folder["again"], file)));
    }

    [Theory]
    [InlineData(QuantizationScheme.Int8Dynamic, QuantizationGranularity.Tensor)]
    [InlineData(QuantizationScheme.Int8Dynamic, QuantizationGranularity.Group)]
    [InlineData(QuantizationScheme.Int8Weights, QuantizationGranularity.Tensor)]
    [InlineData(QuantizationScheme.Int8Weights, QuantizationGranularity.Group)]
    public void Quantize_AnyGranularity_LoadsTheSame(QuantizationScheme scheme, QuantizationGranularity granularity)
    {
        using GptModel plain = Model(), model = Model();
        Quantizer.Quantize(model, new QuantizationOptions { Scheme = scheme, Granularity = granularity, GroupSize = 32, HasQuantizedTiedHead = true });
        Tensor ids = Ids(99), actual = Logits(model, ids);
        Assert.InRange(SmoothingTests.Error(Logits(plain, ids), actual), 1e-4, 0.06);
        model.SavePretrained(folder["saved"]);
        using ITransformerModel loaded = AutoModel.FromPretrained(folder["saved"]);
        ((nn.Module)loaded).eval();
        Assert.Equal(Bytes(actual), Bytes(Logits(loaded, ids)));
    }

    [Fact]
    public void QuantizeStatic_Refused_ChangesNothing()
    {
        using GptModel model = Model();
        Tensor ids = Ids(99), before = Logits(model, ids);
        Refused("must be Int8Static here", () => Quantizer.QuantizeStatic(model, new QuantizationOptions(), AwqTests.Data()));
        Refused("call QuantizeStatic", () => Quantizer.Quantize(model, s_static));
        Refused("HasQuantizedTiedHead must be false", () => Quantizer.QuantizeStatic(model, s_static with { HasQuantizedTiedHead = true }, AwqTests.Data()));
        Refused("'blocks.0.qkv' saw 13 rows, fewer than 32.", () => Quantizer.QuantizeStatic(model, s_static, [new ModelInput { Ids = ids }]));
        Refused("Percentile (101) must be above 50", () => Quantizer.QuantizeStatic(model, s_static, AwqTests.Data(), new ActivationOptions { Percentile = 101 }));
        Refused("must be divisible by GroupSize (64)", () => Quantizer.QuantizeStatic(model, s_static with { Granularity = QuantizationGranularity.Group }, AwqTests.Data()));
        Refused("Granularity (Channel) must be Group with Int4Weights", () => Quantizer.Quantize(model, new QuantizationOptions { Scheme = QuantizationScheme.Int4Weights, Granularity = QuantizationGranularity.Channel }));
        Assert.Equal(Bytes(before), Bytes(Logits(model, ids)));

        static void Refused(string message, Action action) => Assert.Contains(message, Assert.Throws<ArgumentException>(action).Message, StringComparison.Ordinal);
    }
}
