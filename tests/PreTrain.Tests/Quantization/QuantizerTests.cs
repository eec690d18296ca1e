using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using PreTrain.Quantization;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Modules;
using PreTrain.Tests.Training;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Quantization;

[Collection(nameof(RunsAlone))]
public sealed class QuantizerTests : IDisposable
{
    private static readonly BertConfig s_bert = new()
    {
        VocabSize = 41,
        ContextLength = 17,
        LayerCount = 2,
        HeadCount = 4,
        EmbeddingDim = 96,
        FeedForwardDim = 160,
        Dropout = 0,
        AttentionDropout = 0,
        InitializerRange = 0.1,
        LabelCount = 3,
    };
    private static readonly GptConfig s_gpt = new() { VocabSize = 43, ContextLength = 19, LayerCount = 2, HeadCount = 3, EmbeddingDim = 96, Dropout = 0 };

    private readonly TemporaryFolder folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    /// <summary>A scheme, and the error of all logits that it may make, as a part of their size.</summary>
    public static TheoryData<QuantizationScheme, double> Schemes => new() { { QuantizationScheme.Int8Dynamic, 0.03 }, { QuantizationScheme.Int8Weights, 0.03 }, { QuantizationScheme.Int4Weights, 0.3 } };

    public void Dispose()
    {
        _scope.Dispose();
        folder.Dispose();
    }

    [Theory]
    [MemberData(nameof(Schemes))]
    public void Quantize_Bert_LogitsStayNear(QuantizationScheme scheme, double tolerance)
    {
        using BertModel model = Bert();
        Tensor before = Logits(model);
        QuantizationResult result = Quantizer.Quantize(model, Options(scheme));
        Tensor after = Logits(model);
        double error = Error(before, after);
        Assert.True(error > 0 && error < tolerance, $"{error}");
        Assert.Equal(6 * 2 + 2, result.Maps.Count);
        Assert.Equal(4L * (2 * (4 * 96 * 96 + 2 * 96 * 160) + 96 * 96 + 3 * 96), result.BytesBefore);
        Assert.True(result.BytesAfter < result.BytesBefore / 3);
    }

    [Theory]
    [MemberData(nameof(Schemes))]
    public void Quantize_Gpt_LogitsStayNearOnBothPaths(QuantizationScheme scheme, double tolerance)
    {
        using GptModel model = Gpt();
        Tensor ids = Ids(1, 13, 43), before = All(), next = Next();
        Quantizer.Quantize(model, Options(scheme));
        Tensor after = All();
        double error = Error(before, after), nextError = Error(next, Next());
        Assert.True(error > 0 && error < tolerance, $"{error}");
        Assert.True(nextError > 0 && nextError < tolerance, $"{nextError}");
        // Token for token is the same computation: rows are quantized by themselves.
        Assert.True(Error(after[.., ^1], Next()) < 1e-4);

        Tensor All()
        {
            using IDisposable mode = inference_mode();
            return model.Forward(new ModelInput { Ids = ids }).Logits;
        }

        Tensor Next()
        {
            using IDisposable mode = inference_mode();
            using KeyValueCache cache = model.CreateCache(1, 13);
            Tensor logits = model.NextLogits(ids.slice(1, 0, 5, 1), cache);
            for (int i = 5; i < 13; i++) logits = model.NextLogits(ids.slice(1, i, i + 1, 1), cache);
            return logits;
        }
    }

    [Theory]
    [MemberData(nameof(Schemes))]
    public void Forward_AnyNumberOfThreads_IsTheSameToTheLastBit(QuantizationScheme scheme, double tolerance)
    {
        Kernels.SkipWithoutKernels();
        using GptModel model = Gpt();
        Tensor plain = Next();
        Quantizer.Quantize(model, Options(scheme));
        int before = get_num_threads();
        try
        {
            set_num_threads(1);
            Tensor one = Next();
            set_num_threads(2);
            Assert.Equal(Bytes(one), Bytes(Next()));
            Assert.True(Error(plain, one) < tolerance);
        }
        finally
        {
            set_num_threads(before);
        }

        Tensor Next()
        {
            using IDisposable mode = inference_mode();
            using KeyValueCache cache = model.CreateCache(1, 13);
            return model.NextLogits(Ids(1, 1, 43), cache);
        }
    }

    [Theory]
    [MemberData(nameof(Schemes))]
    public void Quantize_TiedHead_ScoresAreThoseOfItsCodes(QuantizationScheme scheme, double tolerance)
    {
        using GptModel model = Gpt();
        Tensor ids = Ids(2, 13, 43), hidden = Evaluate(() => model.Forward(new ModelInput { Ids = ids, WantHiddenStates = true }).HiddenStates![^1]), plain = Evaluate(() => model.Logits(ids));
        Tensor targets = ids.reshape(-1), plainLoss = Evaluate(() => model.Loss(ids, targets.view(2, 13), 26));
        QuantizationResult result = Quantizer.Quantize(model, Options(scheme) with { HasQuantizedTiedHead = true, Skip = ["blocks.*"] });
        Assert.Empty(result.Maps);
        Assert.True(result.TiedHeadBytes > 0);
        using QuantizedMatrix codes = QuantizedMatrix.Quantize(model.token_embedding, Options(scheme).Format);
        Tensor expected = hidden.matmul(codes.Dequantize().t()), actual = Evaluate(() => model.Logits(ids));
        Assert.True(Error(expected, actual) < (scheme == QuantizationScheme.Int8Dynamic ? 0.02 : 1e-5));
        Assert.True(Error(plain, actual) is > 0 and var error && error < tolerance);
        double loss = Evaluate(() => model.Loss(ids, targets.view(2, 13), 26)).item<float>(), whole = nn.functional.cross_entropy(actual.view(26, -1), targets).item<float>();
        Assert.Equal(whole, loss, 1e-5);
        model.MaxScoreBytes = 5 * 43 * 4;
        Assert.Equal(loss, Evaluate(() => model.Loss(ids, targets.view(2, 13), 26)).item<float>(), 1e-5);
        Assert.NotEqual(plainLoss.item<float>(), loss);
    }

    [Fact]
    public void Quantize_NoTiedHead_IsRefused()
    {
        using BertModel model = Bert();
        Assert.Contains("do not set it", Assert.Throws<ArgumentException>(() => Quantizer.Quantize(model, new QuantizationOptions { HasQuantizedTiedHead = true })).Message, StringComparison.Ordinal);
        Assert.All(model.modules().OfType<Projection>(), map => Assert.Null(map.Transform));
    }

    [Fact]
    public void Quantize_SkippedMaps_StayAsTheyAre()
    {
        using BertModel model = Bert();
        QuantizationResult result = Quantizer.Quantize(model, new QuantizationOptions { Skip = ["*classifier*", "*blocks.0.*"] });
        Assert.Equal(6 + 1, result.Maps.Count);
        foreach (var (name, module) in model.named_modules())
        {
            if (module is Projection map) Assert.Equal(!result.Maps.Contains(name), map.Transform is null);
        }
        Assert.Contains("Skip (*) leaves no linear map to quantize.", Assert.Throws<ArgumentException>(() => Quantizer.Quantize(Bert(), new QuantizationOptions { Skip = ["*"] })).Message, StringComparison.Ordinal);
        Assert.Contains("'nowhere*' fits no linear map", Assert.Throws<ArgumentException>(() => Quantizer.Quantize(Bert(), new QuantizationOptions { Skip = ["nowhere*"] })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Quantize_GroupsThatDoNotFit_ChangesNothing()
    {
        using BertModel model = Bert();
        Tensor before = Logits(model);
        string message = Assert.Throws<ArgumentException>(() => Quantizer.Quantize(model, new QuantizationOptions { Scheme = QuantizationScheme.Int4Weights, GroupSize = 64 })).Message;
        Assert.Contains("blocks.0.", message, StringComparison.Ordinal);
        Assert.Contains("(96) must be divisible by GroupSize (64); take a smaller group, or name the map in Skip.", message, StringComparison.Ordinal);
        Assert.Equal(3, message.Split("The inputs of the linear map").Length - 1);   // of many, and how many more
        Assert.EndsWith(" more.", message, StringComparison.Ordinal);
        string normal = Assert.Throws<ArgumentException>(() => Quantizer.Quantize(model, new QuantizationOptions { Scheme = QuantizationScheme.NormalFloat4 })).Message;
        Assert.Contains("(96) must be divisible by 64, the group of 4-bit normal floats; name the map in Skip.", normal, StringComparison.Ordinal);
        Assert.Equal(Bytes(before), Bytes(Logits(model)));
    }

    [Fact]
    public void Quantize_Twice_IsRefused()
    {
        using BertModel model = Bert();
        Quantizer.Quantize(model, new QuantizationOptions());
        Assert.Contains("linear maps of the model are quantized already; start from the model that it was made from.", Assert.Throws<ArgumentException>(() => Quantizer.Quantize(model, new QuantizationOptions())).Message, StringComparison.Ordinal);
        using BertModel adapted = Bert();
        using var adapter = new LoraAdapter(adapted, new LoraOptions());
        Assert.Contains("LowRankTransform", Assert.Throws<ArgumentException>(() => Quantizer.Quantize(adapted, new QuantizationOptions())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Forward_WithGradients_IsRefused()
    {
        using BertModel model = Bert();
        Quantizer.Quantize(model, new QuantizationOptions());
        Assert.Contains("computes no gradients", Assert.Throws<InvalidOperationException>(() => model.Forward(new ModelInput { Ids = Ids(2, 13, 41) })).Message, StringComparison.Ordinal);
        model.train();
        Assert.Throws<InvalidOperationException>(() => model.Forward(new ModelInput { Ids = Ids(2, 13, 41) }));
    }

    [Fact]
    public void Run_QuantizedModel_IsRefusedBeforeTheFolderIsTouched()
    {
        using GptModel model = Gpt();
        Quantizer.Quantize(model, new QuantizationOptions());
        Assert.Contains("is quantized", Assert.Throws<ArgumentException>(() => Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["run"]))).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["run"]));
    }

    [Fact]
    public void Dispose_QuantizedModel_LeavesNoTensor()
    {
        Evaluate();
        long before = LiveTensors.Count();
        for (int i = 0; i < 3; i++) Evaluate();
        Assert.Equal(before, LiveTensors.Count());

        static void Evaluate()
        {
            using DisposeScope scope = NewDisposeScope();
            using BertModel model = Bert();
            Quantizer.Quantize(model, new QuantizationOptions());
            Logits(model).Dispose();
        }
    }

    private static QuantizationOptions Options(QuantizationScheme scheme) => new() { Scheme = scheme, GroupSize = 32 };

    private static BertModel Bert()
    {
        using var generator = new Generator(5);
        var model = new BertModel(s_bert, ModelHead.SequenceClassification, generator);
        model.eval();
        return model;
    }

    private static GptModel Gpt()
    {
        using var generator = new Generator(5);
        var model = new GptModel(s_gpt, generator: generator);
        model.eval();
        return model;
    }

    private static Tensor Ids(int rows, int length, int vocabulary)
    {
        using var generator = new Generator(3);
        return randint(0, vocabulary, [rows, length], dtype: ScalarType.Int64, generator: generator);
    }

    private static Tensor Logits(BertModel model)
    {
        using IDisposable mode = no_grad();
        return model.Forward(new ModelInput { Ids = Ids(2, 13, 41) }).Logits;
    }

    private static Tensor Evaluate(Func<Tensor> compute)
    {
        using IDisposable mode = no_grad();
        return compute();
    }

    private static double Error(Tensor expected, Tensor actual) => ((actual - expected).norm() / expected.norm()).item<float>();
}
