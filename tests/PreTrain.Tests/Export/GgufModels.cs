using PreTrain.Checkpoints.Gguf;
using PreTrain.Export;
using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Modules;
using PreTrain.Tokenization;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Export;

/// <summary>Small models of all families that are exported as GGUF, with rows of whole super-blocks.</summary>
internal static class GgufModels
{
    private const int Context = 48;

    /// <summary>The names of the models.</summary>
    public static string[] Names => ["gpt2", "llama", "llama-linear-bias", "mistral", "qwen2", "qwen3"];

    /// <summary>Text to train tokenizers with.</summary>
    public static string Text { get; } = string.Concat(Enumerable.Range(0, 60).Select(i => $"The {(i % 3 == 0 ? "method" : "stream")} returns {i} bytes of naïve text, don't it? It's the caller's\n  own: {i * i}!\n"));

    /// <summary>Byte-level BPE with GPT-2's words.</summary>
    public static ByteLevelBpeTokenizer Tokenizer { get; } = ByteLevelBpeTokenizer.Train([Text], new() { VocabSize = 347 });

    /// <summary>Makes a model with random weights.</summary>
    public static ITransformerModel Create(string name, int? vocabSize = null)
    {
        Generator random = new RandomStreams(11).CreateGenerator("init");
        int size = vocabSize ?? Tokenizer.VocabSize;
        if (name == "gpt2") return new GptModel(new GptConfig { VocabSize = size, ContextLength = Context, LayerCount = 3, HeadCount = 4, EmbeddingDim = 256, FeedForwardDim = 512, InitializerRange = 0.08 }, generator: random);
        var config = new LlamaConfig { VocabSize = size, ContextLength = Context, LayerCount = 3, HeadCount = 4, KeyValueHeadCount = 2, EmbeddingDim = 256, FeedForwardDim = 512, InitializerRange = 0.08 };
        var model = new LlamaModel(name switch
        {
            "llama" => config with { RotaryScaling = new RotaryScaling(8, RotaryScalingKind.Llama3, OriginalContextLength: 16), RotaryBase = 500 },
            "llama-linear-bias" => config with { RotaryScaling = new RotaryScaling(2), HasAttentionBias = true, IsHeadTied = true },
            "mistral" => config with { Variant = LlamaVariant.Mistral, SlidingWindow = 32, HeadWidth = 32 },
            "qwen2" => config with { Variant = LlamaVariant.Qwen2, IsHeadTied = true },
            _ => config with { Variant = LlamaVariant.Qwen3, HeadWidth = 96 },
        }, generator: random);
        // Biases and norms begin as zeros and ones, which would hide that they are lost.
        using IDisposable mode = no_grad();
        foreach (var (parameter, values) in model.named_parameters())
        {
            if (values.dim() == 1) values.add_(randn(values.shape, generator: random) * 0.1);
        }
        return model;
    }

    /// <summary>Puts the weights of an exported file into a model of the same architecture, as a reader of llama.cpp's conventions would.</summary>
    public static void Read(ITransformerModel model, string path)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        using GgufFile file = GgufFile.Open(path);
        Dictionary<string, Tensor> own = ((nn.Module)model).state_dict();
        foreach (GgufWeight weight in ((IGgufSource)model).ToGguf().Weights.Where(weight => weight.Ours is not null))
        {
            Tensor value = file.Read(weight.Theirs).to(ScalarType.Float32);
            if (weight.PairedHeads > 0)
            {
                long half = value.size(0) / weight.PairedHeads / 2;
                // Row 2i of a head is its component i, row 2i + 1 its component i + D/2.
                long[] order = [.. Enumerable.Range(0, weight.PairedHeads).SelectMany(head => Enumerable.Range(0, 2).SelectMany(part => Enumerable.Range(0, (int)half).Select(i => head * 2 * half + 2 * i + part)))];
                value = value.index_select(0, tensor(order));
            }
            own[weight.Ours!].copy_(value);
        }
    }
}
