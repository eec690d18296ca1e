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
public sealed class MixedPrecisionTests : IDisposable
{
    private static readonly QuantizationOptions s_options = new() { GroupSize = 32 };

    private readonly TemporaryFolder folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        folder.Dispose();
    }

    [Theory]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(11)]
    public void Choose_AnyBudget_IsTheBestOfAllChoices(int seed)
    {
        var random = new Random(seed);
        MapSensitivity[] scan = [.. Enumerable.Range(0, 6).SelectMany(m =>
        {
            int size = random.Next(1, 9) * 24;
            return new[] { new MapSensitivity($"{m}", null, 32 * size, 0), new($"{m}", QuantizationScheme.Int8Weights, 8 * size + 8, random.NextDouble() - 0.1), new($"{m}", QuantizationScheme.Int4Weights, 4 * size + 24, random.NextDouble() * 5) };
        })];
        long least = Enumerable.Range(0, 6).Sum(m => scan.Where(c => c.Map == $"{m}").Min(c => c.Bytes)), most = Enumerable.Range(0, 6).Sum(m => scan.Where(c => c.Map == $"{m}").Max(c => c.Bytes));
        foreach (long budget in new[] { least, least + 777, (least + most) / 3, (least + most) / 2, most, 3 * most })
        {
            MixedPrecisionPlan plan = MixedPrecision.Choose(scan, budget);
            double best = double.PositiveInfinity;
            for (int all = 0; all < 729; all++)
            {
                MapSensitivity[] chosen = [.. Enumerable.Range(0, 6).Select(m => scan[m * 3 + all / (int)Math.Pow(3, m) % 3])];
                if (chosen.Sum(c => c.Bytes) <= budget) best = Math.Min(best, chosen.Sum(c => c.Increase));
            }
            Assert.True(plan.Bytes <= budget);
            Assert.Equal(best, plan.Increase, 1e-9);
            Assert.Equal(["0", "1", "2", "3", "4", "5"], plan.Choices.Select(c => c.Map));
        }
        Assert.Contains($"must be at least what the maps take in the fewest bits ({least} bytes)", Assert.Throws<ArgumentException>(() => MixedPrecision.Choose(scan, least - 1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Scan_AnyMap_HasTheScoreOfThatMapAlone()
    {
        using GptModel model = Uneven(Model());
        Tensor ids = Ids(99);
        byte[] before = Bytes(Logits(model, ids));
        IReadOnlyList<MapSensitivity> scan = MixedPrecision.Scan(model, s_options, () => model.Loss(ids, ids.roll(-1, 1), 13).item<float>());
        Assert.Equal(before, Bytes(Logits(model, ids)));
        Assert.Equal(8 * 3, scan.Count);
        double plain = Evaluate(model);
        foreach (MapSensitivity one in scan.Where(c => c.Map is "blocks.0.qkv" or "blocks.1.feed_forward_output"))
        {
            using GptModel other = Uneven(Model());
            QuantizationOptions options = s_options with { Skip = [.. scan.Select(c => c.Map).Distinct().Where(map => map != one.Map)] };
            long bytes = one.Scheme is { } scheme ? Quantizer.Quantize(other, options with { Scheme = scheme }).BytesAfter : 4 * ((Projection)other.named_modules().Single(m => m.name == one.Map).module).weight.numel();
            Assert.Equal(bytes, one.Bytes);
            Assert.Equal(Evaluate(other) - plain, one.Increase, 1e-4);
        }

        double Evaluate(GptModel of)
        {
            using IDisposable mode = no_grad();
            return of.Loss(ids, ids.roll(-1, 1), 13).item<float>();
        }
    }

    [Fact]
    public void Quantize_Plan_KeepsToTheBudgetAndLoadsTheSame()
    {
        using GptModel model = Uneven(Model()), wrong = Uneven(Model());
        Tensor ids = Ids(99);
        IReadOnlyList<MapSensitivity> scan = MixedPrecision.Scan(model, s_options, () => model.Loss(ids, ids.roll(-1, 1), 13).item<float>());
        long all = scan.Where(c => c.Scheme is null).Sum(c => c.Bytes);
        MixedPrecisionPlan plan = MixedPrecision.Choose(scan, all / 4);
        Assert.True(plan.Choices.Select(c => c.Scheme).Distinct().Count() > 1);
        QuantizationResult result = Quantizer.Quantize(model, s_options, plan);
        Assert.Equal(plan.Choices.Where(c => c.Scheme is not null).Select(c => c.Map), result.Maps);
        Assert.Equal(plan.Choices.Where(c => c.Scheme is not null).Sum(c => c.Bytes), result.BytesAfter);
        foreach (MapSensitivity choice in plan.Choices) Assert.Equal(choice.Scheme, (((Projection)model.named_modules().Single(m => m.name == choice.Map).module).Transform as QuantizedProjection)?.Scheme);
        Tensor expected = Logits(model, ids);
        model.SavePretrained(folder["saved"]);
        using ITransformerModel loaded = AutoModel.FromPretrained(folder["saved"]);
        ((nn.Module)loaded).eval();
        Assert.Equal(Bytes(expected), Bytes(Logits(loaded, ids)));
        loaded.SavePretrained(folder["again"]);
        foreach (string file in new[] { "config.json", "model.safetensors" }) Assert.Equal(File.ReadAllBytes(Path.Combine(folder["saved"], file)), File.ReadAllBytes(Path.Combine(folder["again"], file)));
        byte[] before = Bytes(Logits(wrong, ids));
        Assert.Contains("has no linear map 'blocks.0.qkv'", Assert.Throws<ArgumentException>(() => Quantizer.Quantize(wrong, s_options, new MixedPrecisionPlan { Choices = [.. plan.Choices.Skip(1)] })).Message, StringComparison.Ordinal);
        Assert.Contains("cannot be mixed", Assert.Throws<ArgumentException>(() => MixedPrecision.Scan(wrong, s_options, () => 0, [QuantizationScheme.Int8Dynamic])).Message, StringComparison.Ordinal);
        Assert.Contains("is NaN, which is not finite", Assert.Throws<ArgumentException>(() => MixedPrecision.Scan(wrong, s_options, () => double.NaN)).Message, StringComparison.Ordinal);
        Assert.Equal(before, Bytes(Logits(wrong, ids)));
    }
}
