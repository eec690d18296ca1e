using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Tokenization;
using PreTrain.Torch;

namespace PreTrain.Cli.Tests;

/// <summary>A model folder that is small and quickly made, and text.</summary>
internal static class TinyModel
{
    public const int ContextLength = 13;

    private static readonly string[] s_subjects = ["The method", "A stream", "This type", "Each value", "The caller", "An array"];
    private static readonly string[] s_verbs = ["returns", "reads", "holds", "writes", "represents", "compares"];
    private static readonly string[] s_objects = ["the next character.", "a span of bytes.", "an empty string.", "the current culture.", "an exception.", "two keys."];

    /// <summary>Sentences, always the same for a seed.</summary>
    public static string Text(int sentences, int seed = 17)
    {
        var random = new Random(seed);
        return string.Concat(Enumerable.Range(0, sentences).Select(_ =>
            $"{s_subjects[random.Next(s_subjects.Length)]} {s_verbs[random.Next(s_verbs.Length)]} {s_objects[random.Next(s_objects.Length)]}\n"));
    }

    /// <summary>A random model with a tokenizer, as a run saves it.</summary>
    public static GptConfig Save(string folder, int seed = 3)
    {
        ByteLevelBpeTokenizer tokenizer = ByteLevelBpeTokenizer.Train([Text(50)], new() { VocabSize = 283 });
        var config = new GptConfig { VocabSize = tokenizer.VocabSize, ContextLength = ContextLength, LayerCount = 2, HeadCount = 3, EmbeddingDim = 15 };
        using var model = new GptModel(config, generator: new RandomStreams(seed).CreateGenerator("init"));
        model.SavePretrained(folder);
        tokenizer.Save(folder);
        return config;
    }

    /// <summary>A random BERT with a WordPiece tokenizer.</summary>
    public static BertConfig SaveBert(string folder, ModelHead head = ModelHead.MaskedLanguageModel, int seed = 3)
    {
        PipelineTokenizer tokenizer = PipelineTokenizer.TrainWordPiece([Text(50)], new() { VocabSize = 97 });
        var config = new BertConfig { VocabSize = tokenizer.VocabSize, ContextLength = 29, LayerCount = 2, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 37, LabelCount = 5, InitializerRange = 0.3 };
        using var model = new BertModel(config, head, new RandomStreams(seed).CreateGenerator("init"));
        model.SavePretrained(folder);
        tokenizer.Save(folder);
        return config;
    }

    /// <summary>A random Llama with a tokenizer of Llama's kind.</summary>
    public static LlamaConfig SaveLlama(string folder, ModelHead head = ModelHead.CausalLanguageModel, int seed = 3)
    {
        PipelineTokenizer tokenizer = PipelineTokenizer.TrainBpe([Text(50)], new() { VocabSize = 101, SpecialTokens = ["<unk>", "<s>", "</s>"] });
        var config = new LlamaConfig
        {
            VocabSize = tokenizer.VocabSize,
            ContextLength = 43,
            LayerCount = 2,
            HeadCount = 6,
            KeyValueHeadCount = 3,
            EmbeddingDim = 24,
            HeadWidth = 6,
            FeedForwardDim = 37,
            InitializerRange = 0.3,
            IsHeadTied = true,
        };
        using var model = new LlamaModel(config, head, new RandomStreams(seed).CreateGenerator("init"));
        model.SavePretrained(folder);
        tokenizer.Save(folder);
        return config;
    }
}
