using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using PreTrain.Optimization;
using PreTrain.Quantization;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Training;
using PreTrain.Training;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Quantization;

[Collection(nameof(RunsAlone))]
public sealed class QuantizationAwareTrainingTests : IDisposable
{
    private static readonly GptConfig s_config = new() { VocabSize = 31, ContextLength = 11, LayerCount = 2, HeadCount = 2, EmbeddingDim = 32, FeedForwardDim = 64, Dropout = 0, InitializerRange = 0.1 };

    private readonly TemporaryFolder folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<QuantizationScheme, AwareMethod, QuantizationGranularity?> Kinds => new()
    {
        { QuantizationScheme.Int8Dynamic, AwareMethod.StraightThrough, null },
        { QuantizationScheme.Int8Weights, AwareMethod.StraightThrough, QuantizationGranularity.Tensor },
        { QuantizationScheme.Int4Weights, AwareMethod.StraightThrough, null },
        { QuantizationScheme.Int8Dynamic, AwareMethod.LearnedStep, QuantizationGranularity.Group },
        { QuantizationScheme.Int4Weights, AwareMethod.LearnedStep, null },
        { QuantizationScheme.Int8Static, AwareMethod.LearnedStep, null },
        { QuantizationScheme.Int8Static, AwareMethod.LearnedStep, QuantizationGranularity.Tensor },
    };

    public void Dispose()
    {
        _scope.Dispose();
        folder.Dispose();
    }

    [Theory]
    [InlineData(3, 1)]
    [InlineData(5, 5)]
    public void LearnedStep_AnyValues_HasThePapersGradients(int rows, int steps)
    {
        const int count = 17, down = 8, up = 7;
        using Tensor v = (Normal([rows, count], 3) * 2).requires_grad_(), s = (Normal([steps, 1], 5).abs() * 0.2 + 0.1).requires_grad_(), g = Normal([rows, count], 7);
        long shared = rows * count / steps;
        Tensor rounded = LearnedStep.Apply(v, s, down, up, shared);
        rounded.backward([g]);
        double[] values = Doubles(v), sizes = Doubles(s), given = Doubles(g), actual = Doubles(rounded), ofValues = Doubles(v.grad!), ofSteps = Doubles(s.grad!), expected = new double[steps];
        int clipped = 0;
        for (int i = 0; i < values.Length; i++)
        {
            int at = steps == 1 ? 0 : i / count;
            double z = values[i] / sizes[at], code = Math.Round(Math.Clamp(z, -down, up));
            Assert.Equal(code * sizes[at], actual[i], 1e-5);
            Assert.Equal(z > -down && z < up ? given[i] : 0, ofValues[i], 1e-6);
            // Equation 3: −v/s + ⌊v/s⌉ within, −Qn and Qp at the ends.
            expected[at] += given[i] * (z <= -down ? -down : z >= up ? up : Math.Round(z) - z) / Math.Sqrt(shared * up);
            if (z <= -down || z >= up) clipped++;
        }
        Assert.InRange(clipped, 1, values.Length - 1);
        for (int k = 0; k < steps; k++) Assert.Equal(expected[k], ofSteps[k], 1e-4);
    }

    [Fact]
    public void StraightThrough_AnyWeight_IsThatOfTheCodesWithTheGradientOfNone()
    {
        Tensor weight = Normal([7, 32], 3).requires_grad_(), x = Normal([5, 32], 5).requires_grad_(), g = Normal([7, 32], 7), h = Normal([5, 32], 9);
        Tensor rounded = StraightThrough.Weight(weight, QuantizedFormat.Int4(32, false)), rows = StraightThrough.Rows(x);
        using QuantizedMatrix codes = QuantizedMatrix.Quantize(weight, QuantizedFormat.Int4(32, false));
        Assert.Equal(Bytes(codes.Dequantize()), Bytes(rounded));
        rounded.backward([g]);
        rows.backward([h]);
        Assert.Equal(Bytes(g), Bytes(weight.grad!));
        Assert.Equal(Bytes(h), Bytes(x.grad!));
        double[] before = Doubles(x), after = Doubles(rows);
        for (int r = 0; r < 5; r++)
        {
            double step = (Math.Max(0, before[(r * 32)..(r * 32 + 32)].Max()) - Math.Min(0, before[(r * 32)..(r * 32 + 32)].Min())) / 255;
            for (int i = r * 32; i < r * 32 + 32; i++) Assert.True(Math.Abs(before[i] - after[i]) <= step * 0.501);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Finish_TrainedModel_ComputesWhatItWasTrainedWith(QuantizationScheme scheme, AwareMethod method, QuantizationGranularity? granularity)
    {
        using GptModel model = Tiny.Model(s_config);
        using var aware = new QuantizationAwareTraining(model, Options(scheme, method) with { Granularity = granularity }, method, scheme == QuantizationScheme.Int8Static ? Inputs() : null);
        Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["run"], 25) with { Weights = aware, BatchSize = 8, Update = UpdateOf(method) });
        double[] losses = [.. Tiny.Metrics(folder["run"]).Select(line => System.Text.Json.Nodes.JsonNode.Parse(line)!).Where(json => json["loss"] is not null).Select(json => json["loss"]!.GetValue<double>())];
        Assert.True(losses[^1] < 0.9 * losses[0], $"{losses[0]}, then {losses[^1]}");
        model.eval();
        Tensor ids = Inputs()[0].Ids!, expected = Logits(model, ids);
        QuantizationResult result = aware.Finish();
        Tensor actual = Logits(model, ids);
        Assert.Equal(8, result.Maps.Count);
        Assert.All(model.modules().OfType<Projection>(), map => Assert.Equal(scheme, ((QuantizedProjection)map.Transform!).Scheme));
        // The same codes; only the order of sums differs.
        Assert.True(SmoothingTests.Error(expected, actual) < 2e-5, $"{SmoothingTests.Error(expected, actual)}");
        Assert.Throws<InvalidOperationException>(aware.Finish);
        model.SavePretrained(folder["saved"]);
        using var loaded = (GptModel)AutoModel.FromPretrained(folder["saved"]);
        loaded.eval();
        Assert.Equal(Bytes(actual), Bytes(Logits(loaded, ids)));
    }

    [Fact]
    public void Run_LearnedSteps_ResumesToTheLastBit()
    {
        Train(folder["a"]);
        Assert.Throws<TimeoutException>(() => Train(folder["b"], new Tiny.AfterStep((_, step) => { if (step.Step == 8) throw new TimeoutException("killed"); })));
        Train(folder["b"]);
        foreach (string file in new[] { "model.safetensors", "steps.safetensors" })
            Assert.Equal(File.ReadAllBytes(Path.Combine(folder["a"], "model", file)), File.ReadAllBytes(Path.Combine(folder["b"], "model", file)));

        void Train(string output, params ITrainingCallback[] callbacks)
        {
            using GptModel model = Tiny.Model(s_config);
            using var aware = new QuantizationAwareTraining(model, Options(QuantizationScheme.Int4Weights, AwareMethod.LearnedStep), AwareMethod.LearnedStep);
            Tiny.Train(model, new RowsObjective(), Tiny.Options(output) with { Weights = aware, Callbacks = callbacks, Update = UpdateOf(AwareMethod.LearnedStep), Resume = Directory.Exists(output) });
        }
    }

    [Fact]
    public void Constructor_WhatDoesNotFit_IsRefused()
    {
        using GptModel model = Tiny.Model(s_config);
        Refused("needs data for the first steps", QuantizationScheme.Int8Static, AwareMethod.LearnedStep);
        Refused("is trained with LearnedStep", QuantizationScheme.Int8Static, AwareMethod.StraightThrough, Inputs());
        Refused("Int8Dynamic takes no data", QuantizationScheme.Int8Dynamic, AwareMethod.StraightThrough, Inputs());
        Refused("The calibration data are too small", QuantizationScheme.Int8Static, AwareMethod.LearnedStep, Inputs()[..1]);
        Assert.Contains("learns steps around 0", Assert.Throws<ArgumentException>(() => new QuantizationAwareTraining(model, new QuantizationOptions { Scheme = QuantizationScheme.Int4Weights, GroupSize = 32 }, AwareMethod.LearnedStep)).Message, StringComparison.Ordinal);
        Assert.All(model.modules().OfType<Projection>(), map => Assert.Null(map.Transform));
        using (var aware = new QuantizationAwareTraining(model, Options(QuantizationScheme.Int4Weights, AwareMethod.LearnedStep), AwareMethod.LearnedStep))
        {
            using (no_grad()) ((AwareProjection)model.blocks[1].qkv.Transform!).weight_step![3, 0, 0] = -0.1f;
            Assert.Contains("A learned step of the linear map 'blocks.1.qkv' is -0.1", Assert.Throws<InvalidOperationException>(aware.Finish).Message, StringComparison.Ordinal);
            Assert.All(model.modules().OfType<Projection>(), map => Assert.IsType<AwareProjection>(map.Transform));
        }
        Assert.All(model.modules().OfType<Projection>(), map => Assert.Null(map.Transform));

        void Refused(string message, QuantizationScheme scheme, AwareMethod method, IEnumerable<ModelInput>? data = null) =>
            Assert.Contains(message, Assert.Throws<ArgumentException>(() => new QuantizationAwareTraining(model, Options(scheme, method), method, data)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Finish_NumbersThatAreNotFinite_AreRefusedAndChangeNothing()
    {
        using GptModel model = Tiny.Model(s_config);
        using (var aware = new QuantizationAwareTraining(model, Options(QuantizationScheme.Int8Static, AwareMethod.LearnedStep), AwareMethod.LearnedStep, Inputs()))
        {
            using (no_grad()) ((AwareProjection)model.blocks[1].qkv.Transform!).input_step!.fill_(float.PositiveInfinity);
            Assert.Contains("A learned step of the linear map 'blocks.1.qkv' is Infinity, and steps must be positive and finite", Assert.Throws<InvalidOperationException>(aware.Finish).Message, StringComparison.Ordinal);
        }
        foreach (AwareMethod method in Enum.GetValues<AwareMethod>())
        {
            using var aware = new QuantizationAwareTraining(model, Options(QuantizationScheme.Int4Weights, method), method);
            float before = model.blocks[1].qkv.weight[3, 5].item<float>();
            using (no_grad()) model.blocks[1].qkv.weight[3, 5] = float.NaN;
            Assert.Equal("The weight of the linear map 'blocks.1.qkv' has values that are not finite.", Assert.Throws<ArgumentException>(aware.Finish).Message);
            Assert.All(model.modules().OfType<Projection>(), map => Assert.IsType<AwareProjection>(map.Transform));
            using (no_grad()) model.blocks[1].qkv.weight[3, 5] = before;
        }
    }

    [Fact]
    public void Finish_LeavesNoTensor()
    {
        Evaluate();
        long before = LiveTensors.Count();
        for (int i = 0; i < 2; i++) Evaluate();
        Assert.Equal(before, LiveTensors.Count());

        static void Evaluate()
        {
            using DisposeScope scope = NewDisposeScope();
            using GptModel model = Tiny.Model(s_config);
            using var aware = new QuantizationAwareTraining(model, Options(QuantizationScheme.Int8Static, AwareMethod.LearnedStep), AwareMethod.LearnedStep, Inputs());
            Tensor ids = Inputs()[0].Ids!;
            model.Loss(ids, ids, ids.numel()).backward();
            aware.Finish();
        }
    }

    private static UpdateOptions UpdateOf(AwareMethod method) => method == AwareMethod.LearnedStep ? new UpdateOptions { Rules = [QuantizationAwareTraining.StepRule] } : new UpdateOptions();

    private static QuantizationOptions Options(QuantizationScheme scheme, AwareMethod method) => new() { Scheme = scheme, GroupSize = 32, IsSymmetric = method == AwareMethod.LearnedStep };

    private static ModelInput[] Inputs() => [.. Enumerable.Range(0, 4).Select(i =>
    {
        using var generator = new Generator((ulong)i);
        return new ModelInput { Ids = randint(0, 31, [2, 11], dtype: ScalarType.Int64, generator: generator) };
    })];

    private static Tensor Logits(GptModel model, Tensor ids)
    {
        using IDisposable mode = no_grad();
        return model.Forward(new ModelInput { Ids = ids }).Logits;
    }
}
