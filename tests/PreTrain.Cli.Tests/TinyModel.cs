using PreTrain.Models.Gpt;
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
}
