using PreTrain.Data;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Modules.Quantized;
using PreTrain.Objectives;
using PreTrain.Optimization;
using PreTrain.Quantization;
using PreTrain.Tokenization;
using PreTrain.Training;

namespace PreTrain.Cli.Tests.Docs;

/// <summary>What docs/quantization.md says.</summary>
public class QuantizationTests
{
    private const string Page = "docs/quantization.md";

    [Fact]
    [Trait("Speed", "Slow")]
    public void Commands_OfThePage_Run()
    {
        using var folder = new TemporaryFolder();
        folder.Write("text.txt", TinyModel.Text(300));
        IReadOnlyList<(string Command, ToolResult Result)> runs = DocumentedCommands.Run(Page, folder.Path, ("--data", "text.txt"), ("--embedding", "64"));
        Assert.Equal(12, runs.Count);
        Assert.All(runs[^1].Result.Json().GetProperty("choices").EnumerateArray(), choice => Assert.Contains(choice.GetProperty("bits").GetInt32(), new[] { 4, 8, 32 }));
        Assert.True(runs[3].Result.Json().GetProperty("bytesAfter").GetInt64() < runs[3].Result.Json().GetProperty("bytesBefore").GetInt64() / 4);
    }

    [Fact]
    public void Code_OfThePage_SavesTheQuantizedModel()
    {
        using var folder = new TemporaryFolder();
        using (var model = new GptModel(new() { VocabSize = 37, ContextLength = 11, LayerCount = 2, HeadCount = 4, EmbeddingDim = 64 })) model.SavePretrained(folder["runs/sdk/model"]);
        Repository.In(folder.Path, () => Assert.True(Quantize().BytesAfter > 0));
    }

    [Fact]
    public void Code_OfThePage_TrainsAnAdapterAndWithRoundings()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["tiny"]);
        TextTokenizer tokenizer = TextTokenizer.Load(folder["tiny"]);
        using (var model = new GptModel(new() { VocabSize = tokenizer.VocabSize, ContextLength = 11, LayerCount = 1, HeadCount = 4, EmbeddingDim = 64 })) model.SavePretrained(folder["runs/sdk/model"]);
        using TokenStore tokens = TokenStore.Build([TinyModel.Text(300)], tokenizer, folder["tokens"], cancellationToken: TestContext.Current.CancellationToken);
        Repository.In(folder.Path, () =>
        {
            TrainAdapter(tokens);
            TrainAware(tokens);
        });
        Assert.True(File.Exists(folder["runs/qlora/model/adapter_model.safetensors"]));
        using ITransformerModel loaded = AutoModel.FromPretrained(folder["runs/aware-int4"]);
        Assert.All(((TorchSharp.torch.nn.Module)loaded).modules().OfType<QuantizedProjection>(), map => Assert.Equal(QuantizationScheme.Int4Weights, map.Scheme));
    }

    [Theory]
    [InlineData(0, "begin", "end")]
    [InlineData(1, "begin adapter", "end adapter")]
    [InlineData(2, "begin aware", "end aware")]
    public void Code_OfThePage_IsTheCodeThatIsTested(int block, string from, string to)
    {
        string[] code = File.ReadAllLines(Path.Combine(Repository.Root, "tests/PreTrain.Cli.Tests/Docs/QuantizationTests.cs"));
        int begin = Array.FindIndex(code, line => line.Trim() == $"// {from}") + 1, end = Array.FindIndex(code, line => line.Trim() == $"// {to}");
        Assert.Equal(Repository.CodeBlocks(Page, "csharp").ElementAt(block).Replace("Steps = 500,", "Steps = 3,", StringComparison.Ordinal), string.Concat(code[begin..end].Select(line => line.Trim() + "\n")));
    }

    private static void TrainAdapter(TokenStore tokens)
    {
        // begin adapter
        using var model = GptModel.FromPretrained("runs/sdk/model");
        Quantizer.Quantize(model, new QuantizationOptions { Scheme = QuantizationScheme.NormalFloat4 });
        using var adapter = new LoraAdapter(model, new LoraOptions { Rank = 8, Alpha = 16 });
        new Trainer(new TrainingOptions { Output = "runs/qlora", Steps = 3, Weights = adapter }).Run(model, new CausalLanguageModeling(tokens));
        // end adapter
    }

    private static void TrainAware(TokenStore tokens)
    {
        // begin aware
        using var model = GptModel.FromPretrained("runs/sdk/model");
        using var aware = new QuantizationAwareTraining(model, new QuantizationOptions { Scheme = QuantizationScheme.Int4Weights, GroupSize = 32, IsSymmetric = true }, AwareMethod.LearnedStep);
        var update = new UpdateOptions { Rules = [QuantizationAwareTraining.StepRule] };
        new Trainer(new TrainingOptions { Output = "runs/aware", Steps = 3, LearningRate = 1e-4, Weights = aware, Update = update }).Run(model, new CausalLanguageModeling(tokens));
        aware.Finish();
        model.SavePretrained("runs/aware-int4");
        // end aware
    }

    private static QuantizationResult Quantize()
    {
        // begin
        using var model = GptModel.FromPretrained("runs/sdk/model");
        QuantizationResult result = Quantizer.Quantize(model, new QuantizationOptions { Scheme = QuantizationScheme.Int4Weights, GroupSize = 32 });
        model.SavePretrained("runs/small");
        using ITransformerModel loaded = AutoModel.FromPretrained("runs/small");
        // end
        Assert.Equal(QuantizationScheme.Int4Weights, ((loaded as TorchSharp.torch.nn.Module)!.modules().OfType<QuantizedProjection>().First()).Scheme);
        return result;
    }
}
