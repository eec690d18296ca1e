using PreTrain.Data.Masking;
using PreTrain.Models.Bart;
using PreTrain.Models.T5;
using PreTrain.Objectives;
using PreTrain.Tokenization;
using TorchSharp;

namespace PreTrain.Cli.Commands;

/// <content>Models that read a text and write another.</content>
internal sealed partial record PretrainFamily
{
    private static PretrainFamily T5() => new()
    {
        Name = "t5",
        Title = "a T5",
        Presets = Sizes(T5Presets.All, c => new(c.LayerCount, c.HeadCount, c.EmbeddingDim, T5Context, c.VocabSize)),
        Objectives = ["span-corruption", "prefix-lm"],
        SmallestVocabulary = 200,
        VocabularyNeeds = $"{SentinelCount} sentinels, three special tokens and the characters of a text",
        Masks = true,
        LosesSpans = true,
        HasEncoderAndDecoder = true,
        TrainTokenizer = (corpus, size, threads, cancellation) => PipelineTokenizer.TrainUnigram(corpus, new()
        {
            VocabSize = size,
            SpecialTokens = ["<pad>", "</s>", "<unk>", .. Enumerable.Range(0, SentinelCount).Select(i => $"<extra_id_{i}>")],
            Threads = threads,
        }, cancellation: cancellation),
        Train = task =>
        {
            T5Config preset = T5Presets.All[task.Preset];
            bool isPreset = task.Sizes.Embedding == preset.EmbeddingDim && task.Sizes.Heads == preset.HeadCount;
            T5Config config = preset with
            {
                LayerCount = task.Sizes.Layers,
                HeadCount = task.Sizes.Heads,
                HeadDim = isPreset ? preset.HeadDim : task.Sizes.Embedding / task.Sizes.Heads,
                EmbeddingDim = task.Sizes.Embedding,
                FeedForwardDim = isPreset ? preset.FeedForwardDim : 4 * task.Sizes.Embedding,
                VocabSize = task.Sizes.VocabSize,
                Dropout = task.Dropout ?? preset.Dropout,
                PaddingId = task.Tokenizer.SpecialTokens.Padding ?? 0,
                DecoderStartId = task.Tokenizer.SpecialTokens.Padding ?? 0,
                EndId = task.Tokenizer.SpecialTokens.EndOfText,
            };
            using T5Model model = new T5Model(config, generator: task.Random).to(task.Device);
            ISequenceCorruption corruption = task.Goal.Objective == "prefix-lm"
                ? new PrefixSplit()
                : new SpanCorruption(task.Tokenizer, new() { Rate = task.Goal.Masking.Rate, MeanSpanLength = task.Goal.MeanSpanLength });
            return Run(task, model, new SequenceDenoising(task.Tokens, task.Tokenizer, corruption, new() { ContextLength = task.Sizes.Context, ValidationFraction = task.Goal.ValidationFraction }));
        },
    };

    private static PretrainFamily Bart() => Roberta() with
    {
        Name = "bart",
        Title = "a BART",
        Presets = Sizes(BartPresets.All, c => new(c.LayerCount, c.HeadCount, c.EmbeddingDim, c.ContextLength, c.VocabSize)),
        Objectives = ["denoising"],
        MasksUnits = false,
        LosesSpans = true,
        HasEncoderAndDecoder = true,
        Packs = false,
        DefaultMaskRate = 0.3,
        Train = task =>
        {
            BartConfig preset = BartPresets.All[task.Preset];
            int end = task.Tokenizer.SpecialTokens.EndOfText ?? throw new ArgumentException("A BART needs a tokenizer with a token that ends a text. Train one with </s> among its special tokens.");
            BartConfig config = preset with
            {
                LayerCount = task.Sizes.Layers,
                HeadCount = task.Sizes.Heads,
                EmbeddingDim = task.Sizes.Embedding,
                FeedForwardDim = task.Sizes.Embedding == preset.EmbeddingDim ? preset.FeedForwardDim : 4 * task.Sizes.Embedding,
                ContextLength = task.Sizes.Context,
                VocabSize = task.Sizes.VocabSize,
                Dropout = task.Dropout ?? preset.Dropout,
                AttentionDropout = task.Dropout ?? preset.AttentionDropout,
                ActivationDropout = task.Dropout ?? preset.ActivationDropout,
                PaddingId = task.Tokenizer.SpecialTokens.Padding,
                EndId = end,
                DecoderStartId = end,
            };
            using BartModel model = new BartModel(config, generator: task.Random).to(task.Device);
            var corruption = new Denoising(task.Tokenizer, new() { InfillingRate = task.Goal.Masking.Rate, MeanSpanLength = task.Goal.MeanSpanLength });
            return Run(task, model, new SequenceDenoising(task.Tokens, task.Tokenizer, corruption, new() { ValidationFraction = task.Goal.ValidationFraction }));
        },
    };
}
