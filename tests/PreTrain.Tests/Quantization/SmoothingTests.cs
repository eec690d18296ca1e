using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Models.ModernBert;
using PreTrain.Models.T5;
using PreTrain.Models.Vit;
using PreTrain.Modules.Quantized;
using PreTrain.Quantization;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static PreTrain.Tests.Quantization.AwqTests;
using static TorchSharp.torch;

namespace PreTrain.Tests.Quantization;

[Collection(nameof(RunsAlone))]
public sealed class SmoothingTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData("gpt2", 6)]
    [InlineData("llama", 8)]
    [InlineData("llama, shared heads", 6)]
    [InlineData("t5", 16)]
    [InlineData("t5, gated", 20)]
    [InlineData("modernbert", 7)]
    [InlineData("bert", 2)]
    [InlineData("vit", 6)]
    public void Apply_AnyFamily_ComputesTheSame(string family, int count)
    {
        using ITransformerModel model = Create(family);
        ModelInput input = family switch
        {
            "vit" => new ModelInput { PixelValues = Normal([2, 3, 12, 12], 3) },
            "t5" or "t5, gated" => new ModelInput { Ids = Ids(3), DecoderIds = Ids(4) },
            _ => new ModelInput { Ids = Ids(3) },
        };
        Tensor before = Forward();
        ScalingSite[] sites = [.. ScalingSite.Of((nn.Module)model)];
        using (no_grad())
        using (var folding = new ScaleFolding())
        {
            for (int i = 0; i < sites.Length; i++) folding.Apply(sites[i], Normal([sites[i].Readers[0].weight.size(1)], i).abs() + 0.3);
            folding.Keep();
        }
        Tensor after = Forward();
        Assert.Equal(count, sites.Length);
        Assert.NotEqual(Bytes(before), Bytes(after));
        double error = ((after - before).norm() / before.norm()).item<float>();
        Assert.True(error < 1e-5, $"{error}");

        Tensor Forward()
        {
            using IDisposable mode = no_grad();
            return model.Forward(input).Logits;
        }
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.8)]
    public void Smooth_UnevenInputs_HasThePapersScalesAndComputesTheSame(double strength)
    {
        using GptModel model = Uneven(Model()), plain = Uneven(Model());
        Tensor ids = Ids(99), gain = plain.blocks[0].attention_norm.weight.detach(), weight = plain.blocks[0].qkv.weight.detach();
        var rows = new List<Tensor>();
        Calibration.Run(plain, [(plain.blocks[0].qkv, x => rows.Add(x.clone().DetachFromDisposeScope()))], AwqTests.Data());
        IReadOnlyList<string> maps = Quantizer.Smooth(model, AwqTests.Data(), new SmoothingOptions { Strength = strength });
        Assert.Equal(["blocks.0.qkv", "blocks.0.feed_forward_input", "blocks.1.qkv", "blocks.1.feed_forward_input"], maps);
        double[] inputs = [.. rows.SelectMany(Doubles)], weights = Doubles(weight), before = Doubles(gain), after = Doubles(model.blocks[0].attention_norm.weight);
        rows.ForEach(x => x.Dispose());
        for (int i = 0; i < 96; i++)
        {
            double largest = Enumerable.Range(0, inputs.Length / 96).Max(r => Math.Abs(inputs[r * 96 + i])), size = Enumerable.Range(0, 288).Max(o => Math.Abs(weights[o * 96 + i]));
            Assert.Equal(before[i] / (Math.Pow(largest, strength) / Math.Pow(size, 1 - strength)), after[i], 1e-4 * Math.Abs(after[i]));
        }
        Assert.True(Error(Logits(plain, ids), Logits(model, ids)) < 1e-5);
    }

    [Fact]
    public void Smooth_ThenEightBits_ErrsLess()
    {
        using GptModel plain = Uneven(Model()), rough = Uneven(Model()), smooth = Uneven(Model());
        Tensor ids = Ids(99), expected = Logits(plain, ids);
        Quantizer.Smooth(smooth, AwqTests.Data());
        foreach (GptModel model in new[] { rough, smooth }) Quantizer.Quantize(model, new QuantizationOptions());
        double before = Error(expected, Logits(rough, ids)), after = Error(expected, Logits(smooth, ids));
        Assert.True(after < 0.5 * before, $"{after}, not much less than {before}");
    }

    [Fact]
    public void Smooth_Refused_NamesTheReason()
    {
        using ITransformerModel bert = Create("bert"), gpt = Create("gpt2");
        Assert.Contains("reads a norm alone", Assert.Throws<ArgumentException>(() => Quantizer.Smooth(bert, AwqTests.Data())).Message, StringComparison.Ordinal);
        Assert.Equal("Strength (1.5) must be from 0 to 1.", Assert.Throws<ArgumentException>(() => Quantizer.Smooth(gpt, AwqTests.Data(), new SmoothingOptions { Strength = 1.5 })).Message);
        Assert.Contains("fewer than 32", Assert.Throws<ArgumentException>(() => Quantizer.Smooth(gpt, [])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Smooth_FactorsThatAreNoNumbers_AreRefusedAndChangeNothing()
    {
        using GptModel infinite = Model(), small = Model();
        using (no_grad())
        {
            infinite.blocks[1].attention_norm.bias![5] = float.PositiveInfinity;
            small.blocks[1].qkv.weight[.., 5].fill_(1e-38);
        }
        Check(infinite, new SmoothingOptions(), "inputs of the linear map 'blocks.1.qkv' that are not finite");
        Check(small, new SmoothingOptions { Strength = 0 }, "The factors of the inputs of the linear map 'blocks.1.qkv' are too large or too small");

        static void Check(GptModel model, SmoothingOptions options, string message)
        {
            byte[][] before = [.. model.parameters().Select(Bytes)];
            Assert.Contains(message, Assert.Throws<ArgumentException>(() => Quantizer.Smooth(model, AwqTests.Data(), options)).Message, StringComparison.Ordinal);
            Assert.Equal(before, model.parameters().Select(Bytes));
        }
    }

    internal static double Error(Tensor expected, Tensor actual) => ((actual - expected).norm() / expected.norm()).item<float>();

    private static ITransformerModel Create(string family)
    {
        using var generator = new Generator(5);
        nn.Module model = family switch
        {
            "gpt2" => new GptModel(new() { VocabSize = 43, ContextLength = 19, LayerCount = 2, HeadCount = 3, EmbeddingDim = 15, Dropout = 0, InitializerRange = 0.2 }, generator: generator),
            "bert" => new BertModel(new() { VocabSize = 43, ContextLength = 19, LayerCount = 2, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 37, Dropout = 0, AttentionDropout = 0, InitializerRange = 0.2 }, ModelHead.MaskedLanguageModel, generator),
            "t5" or "t5, gated" => new T5Model(new() { VocabSize = 43, LayerCount = 2, HeadCount = 3, HeadDim = 5, EmbeddingDim = 16, FeedForwardDim = 37, Dropout = 0, IsGated = family != "t5" }, generator: generator),
            "modernbert" => new ModernBertModel(new() { VocabSize = 43, ContextLength = 19, LayerCount = 2, HeadCount = 2, EmbeddingDim = 12, FeedForwardDim = 37, PaddingId = 0, InitializerRange = 0.2 }, generator: generator),
            "vit" => new VitModel(new() { ImageSize = 12, PatchSize = 4, LayerCount = 2, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 37, Dropout = 0, AttentionDropout = 0, InitializerRange = 0.2 }, ModelHead.ImageClassification, generator),
            _ => new LlamaModel(new() { VocabSize = 43, ContextLength = 19, LayerCount = 2, HeadCount = 4, KeyValueHeadCount = family == "llama" ? 4 : 2, EmbeddingDim = 24, HeadWidth = 6, FeedForwardDim = 37, InitializerRange = 0.2 }, generator: generator),
        };
        model.eval();
        return (ITransformerModel)model;
    }
}
