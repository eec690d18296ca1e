using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Tokenization;
using TorchSharp;

namespace PreTrain.Cli.Commands;

/// <content>Models that predict the next token.</content>
internal sealed partial record PretrainFamily
{
    private static PretrainFamily Gpt() => new()
    {
        Name = "gpt",
        Title = "a GPT",
        Presets = Sizes(GptPresets.All, c => new(c.LayerCount, c.HeadCount, c.EmbeddingDim, c.ContextLength, c.VocabSize)),
        Objectives = ["causal-lm", "prefix-lm"],
        Packs = true,
        SmallestVocabulary = 257,
        VocabularyNeeds = "the 256 bytes and the end of a document",
        TrainTokenizer = (corpus, size, threads, cancellation) => ByteLevelBpeTokenizer.Train(corpus, new() { VocabSize = size, Threads = threads }, cancellation: cancellation),
        Train = task =>
        {
            GptConfig preset = GptPresets.All[task.Preset];
            GptConfig config = preset with
            {
                LayerCount = task.Sizes.Layers,
                HeadCount = task.Sizes.Heads,
                EmbeddingDim = task.Sizes.Embedding,
                ContextLength = task.Sizes.Context,
                VocabSize = task.Sizes.VocabSize,
                Dropout = task.Dropout ?? preset.Dropout,
                EmbeddingDropout = task.Dropout ?? preset.EmbeddingDropout,
                AttentionDropout = task.Dropout ?? preset.AttentionDropout,
                BeginId = task.Tokenizer.SpecialTokens.BeginOfText ?? task.Tokenizer.EndOfTextId,
                EndIds = task.Tokenizer.EndOfTextId is { } end ? [end] : [],
            };
            using GptModel model = new GptModel(config, generator: task.Random).to(task.Device);
            return RunCausal(task, model);
        },
    };

    private static PretrainFamily Llama() => Gpt() with
    {
        Name = "llama",
        Title = "a Llama",
        Presets = Sizes(LlamaPresets.All, c => new(c.LayerCount, c.HeadCount, c.EmbeddingDim, c.ContextLength, c.VocabSize)),
        Train = task =>
        {
            LlamaConfig preset = LlamaPresets.All[task.Preset];
            LlamaConfig config = preset with
            {
                LayerCount = task.Sizes.Layers,
                HeadCount = task.Sizes.Heads,
                EmbeddingDim = task.Sizes.Embedding,
                ContextLength = task.Sizes.Context,
                VocabSize = task.Sizes.VocabSize,
                AttentionDropout = task.Dropout ?? preset.AttentionDropout,
                BeginId = task.Tokenizer.SpecialTokens.BeginOfText ?? task.Tokenizer.EndOfTextId,
                EndIds = task.Tokenizer.EndOfTextId is { } end ? [end] : [],
                // Other widths have no ready-made ratio of key-value heads and feed-forward layers.
                KeyValueHeadCount = task.Sizes.Heads == preset.HeadCount ? preset.KeyValueHeadCount : 0,
                FeedForwardDim = task.Sizes.Embedding == preset.EmbeddingDim ? preset.FeedForwardDim : 8 * task.Sizes.Embedding / 3,
            };
            using LlamaModel model = new LlamaModel(config, generator: task.Random).to(task.Device);
            return RunCausal(task, model);
        },
    };
}
