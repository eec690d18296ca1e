using PreTrain.Export;
using PreTrain.Models;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tokenization;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Export;

/// <summary>Exported files in llama.cpp itself.</summary>
[Trait("Speed", "Slow")]
public class LlamaCppTests
{
    private static readonly int[] s_prompt = [71, 300, 12, 5, 320, 44, 101, 9, 250, 77, 13, 310];

    /// <summary>
    /// llama.cpp rounds what a matrix of 16 bits multiplies to 16 bits, and what a quantized one multiplies to 8 bits; the model here has the weights that the file stands for. So the logarithms may
    /// differ by as much as that rounding makes.
    /// </summary>
    public static TheoryData<string, GgufPrecision, double> Cases
    {
        get
        {
            var cases = new TheoryData<string, GgufPrecision, double>();
            foreach (string name in GgufModels.Names) cases.Add(name, GgufPrecision.Float32, name == "gpt2" ? 5e-3 : 2e-4);   // it looks GELU up in a table of 16 bits
            foreach (string name in new[] { "gpt2", "llama", "qwen3" })
            {
                cases.Add(name, GgufPrecision.Float16, 0.02);
                foreach (GgufPrecision precision in new[] { GgufPrecision.Q80, GgufPrecision.Q40, GgufPrecision.Q4KM }) cases.Add(name, precision, 0.25);
            }
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Export_Model_GivesTheLogitsOfItsWeights(string name, GgufPrecision precision, double tolerance)
    {
        LlamaServer.Folder();
        using var folder = new TemporaryFolder();
        using ITransformerModel model = GgufModels.Create(name);
        GgufExporter.Export(model, GgufModels.Tokenizer, folder["a.gguf"], new() { Precision = precision });
        GgufModels.Read(model, folder["a.gguf"]);
        using LlamaServer server = await LlamaServer.Start(folder["a.gguf"], 32);

        double[] expected = LogProbabilities(model, s_prompt), actual = await server.LogProbabilities(s_prompt, expected.Length, GgufModels.Tokenizer.TokenToId("a")!.Value);
        double error = expected.Zip(actual, (a, b) => Math.Abs(a - b)).Max(), spread = expected.Max() - expected.Min();
        TestContext.Current.TestOutputHelper?.WriteLine($"{name} {precision}: greatest difference {error:G3} of a spread of {spread:G3}");
        Assert.True(spread > 2, $"The logarithms lie within {spread}, which would hide faults.");
        Assert.True(error <= tolerance, $"The logarithms differ by {error}, and {tolerance} is allowed.");
        if (precision == GgufPrecision.Float32) Assert.Equal(Continue(model, s_prompt, 14), await server.Continue(s_prompt, 14));
    }

    [Fact]
    public async Task Export_Tokenizers_GiveTheSameIds()
    {
        LlamaServer.Folder();
        using var folder = new TemporaryFolder();
        foreach (TextTokenizer tokenizer in new[] { GgufModels.Tokenizer, SentencePieceTokenizer.Create(folder["tokenizer"]) })
        {
            using ITransformerModel model = GgufModels.Create("llama", tokenizer.VocabSize);
            GgufExporter.Export(model, tokenizer, folder["a.gguf"]);
            using LlamaServer server = await LlamaServer.Start(folder["a.gguf"], 32);
            foreach (string text in new[] { "The method returns 12 bytes of naïve text.", GgufModels.Text, "x\n\n  y\t z", "日本語 and 🙂, don't!", "it's THE'LL  123456" })
            {
                int[] ids = await server.Tokenize(text);
                Assert.Equal(tokenizer.Encode(text), ids);
            }
            int[] special = await server.Tokenize("The caller", addsSpecial: true);
            Assert.Equal(tokenizer.Tokenize("The caller").Ids, special);
        }
    }

    private static double[] LogProbabilities(ITransformerModel model, int[] ids)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = inference_mode();
        ((nn.Module)model).eval();
        Tensor scores = model.Forward(new ModelInput { Ids = tensor(ids.Select(id => (long)id).ToArray(), [1, ids.Length]) }).Logits[0, ^1].to(ScalarType.Float64);
        return [.. scores.log_softmax(0).data<double>()];
    }

    private static int[] Continue(ITransformerModel model, int[] prompt, int count)
    {
        List<int> ids = [.. prompt];
        for (int i = 0; i < count; i++)
        {
            double[] next = LogProbabilities(model, [.. ids]);
            next[GgufModels.Tokenizer.EndOfTextId!.Value] = double.NegativeInfinity;
            ids.Add(Array.IndexOf(next, next.Max()));
        }
        return [.. ids.Skip(prompt.Length)];
    }
}
