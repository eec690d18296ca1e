using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Electra;
using PreTrain.Models.Ernie;
using PreTrain.Models.ModernBert;
using PreTrain.Models.Roberta;
using PreTrain.Models.UniLm;
using PreTrain.Objectives;
using PreTrain.Tokenization;
using TorchSharp;

namespace PreTrain.Cli.Commands;

/// <content>Models that predict hidden tokens.</content>
internal sealed partial record PretrainFamily
{
    private static PretrainFamily Bert() => new()
    {
        Name = "bert",
        Title = "a BERT",
        Presets = Sizes(BertPresets.All, c => new(c.LayerCount, c.HeadCount, c.EmbeddingDim, c.ContextLength, c.VocabSize)),
        Objectives = ["masked-lm", "next-sentence", "sentence-order"],
        SmallestVocabulary = 100,
        VocabularyNeeds = "the special tokens and the characters of a text",
        Masks = true,
        Packs = true,
        MasksUnits = true,
        TrainTokenizer = (corpus, size, threads, cancellation) =>
            PipelineTokenizer.TrainWordPiece(corpus, new() { VocabSize = size, AlphabetLimit = size / 4, Threads = threads }, cancellation: cancellation),
        Train = task =>
        {
            BertConfig preset = BertPresets.All[task.Preset];
            BertConfig config = preset with
            {
                LayerCount = task.Sizes.Layers,
                HeadCount = task.Sizes.Heads,
                EmbeddingDim = task.Sizes.Embedding,
                ContextLength = task.Sizes.Context,
                VocabSize = task.Sizes.VocabSize,
                Dropout = task.Dropout ?? preset.Dropout,
                AttentionDropout = task.Dropout ?? preset.AttentionDropout,
                PaddingId = task.Tokenizer.SpecialTokens.Padding ?? 0,
            };
            bool hasPairs = task.Goal.Objective != "masked-lm";
            using BertModel model = new BertModel(config, hasPairs ? ModelHead.PreTraining : ModelHead.MaskedLanguageModel, task.Random).to(task.Device);
            if (!hasPairs) return Run(task, model, Masked(task));
            var pairs = new SentencePairPrediction(task.Tokens, task.Tokenizer, new()
            {
                Task = task.Goal.Objective == "next-sentence" ? SentencePairTask.NextSentence : SentencePairTask.SentenceOrder,
                Masking = task.Goal.Masking,
                ValidationFraction = task.Goal.ValidationFraction,
            });
            return Run(task, model, pairs);
        },
    };

    private static PretrainFamily Electra() => Bert() with
    {
        Name = "electra",
        Title = "an ELECTRA",
        Presets = Sizes(ElectraPresets.All, c => new(c.LayerCount, c.HeadCount, c.EmbeddingDim, c.ContextLength, c.VocabSize)),
        Objectives = ["replaced-tokens"],
        Packs = false,
        Train = task =>
        {
            ElectraConfig preset = ElectraPresets.All[task.Preset];
            ElectraConfig config = preset with
            {
                LayerCount = task.Sizes.Layers,
                HeadCount = task.Sizes.Heads,
                EmbeddingDim = task.Sizes.Embedding,
                ContextLength = task.Sizes.Context,
                VocabSize = task.Sizes.VocabSize,
                Dropout = task.Dropout ?? preset.Dropout,
                AttentionDropout = task.Dropout ?? preset.AttentionDropout,
                PaddingId = task.Tokenizer.SpecialTokens.Padding ?? 0,
            };
            int divisor = new[] { 4, 3, 2, 1 }.First(d => config.HeadCount % d == 0 && config.EmbeddingDim % d == 0 && config.InnerDim % d == 0);
            using var model = new ElectraPair(config, ElectraPresets.GeneratorOf(config, divisor), task.Random, task.Device);
            return Run(task, model, new ReplacedTokenDetection(task.Tokens, task.Tokenizer, new()
            {
                Masking = task.Goal.Masking with { MaskShare = 1, RandomShare = 0, KeepShare = 0 },
                ValidationFraction = task.Goal.ValidationFraction,
            }));
        },
    };

    private static PretrainFamily Roberta() => Bert() with
    {
        Name = "roberta",
        Title = "a RoBERTa",
        Presets = Sizes(RobertaPresets.All, c => new(c.LayerCount, c.HeadCount, c.EmbeddingDim, c.ContextLength, c.VocabSize)),
        Objectives = ["masked-lm"],
        SmallestVocabulary = 261,
        VocabularyNeeds = "the 256 bytes and five special tokens",
        TrainTokenizer = (corpus, size, threads, cancellation) =>
            ByteLevelBpeTokenizer.Train(corpus, new() { VocabSize = size, SpecialTokens = ["</s>", "<pad>", "<s>", "<unk>", "<mask>"], Threads = threads }, cancellation: cancellation),
        Train = task =>
        {
            RobertaConfig preset = RobertaPresets.All[task.Preset];
            RobertaConfig config = preset with
            {
                LayerCount = task.Sizes.Layers,
                HeadCount = task.Sizes.Heads,
                EmbeddingDim = task.Sizes.Embedding,
                ContextLength = task.Sizes.Context,
                VocabSize = task.Sizes.VocabSize,
                Dropout = task.Dropout ?? preset.Dropout,
                AttentionDropout = task.Dropout ?? preset.AttentionDropout,
                PaddingId = task.Tokenizer.SpecialTokens.Padding ?? 1,
            };
            using RobertaModel model = new RobertaModel(config, generator: task.Random).to(task.Device);
            return Run(task, model, Masked(task));
        },
    };

    private static PretrainFamily ModernBert() => Roberta() with
    {
        Name = "modernbert",
        Title = "a ModernBERT",
        Presets = Sizes(ModernBertPresets.All, c => new(c.LayerCount, c.HeadCount, c.EmbeddingDim, c.ContextLength, c.VocabSize)),
        Train = task =>
        {
            ModernBertConfig preset = ModernBertPresets.All[task.Preset];
            ModernBertConfig config = preset with
            {
                LayerCount = task.Sizes.Layers,
                HeadCount = task.Sizes.Heads,
                EmbeddingDim = task.Sizes.Embedding,
                FeedForwardDim = task.Sizes.Embedding == preset.EmbeddingDim ? preset.FeedForwardDim : 3 * task.Sizes.Embedding / 2,
                ContextLength = task.Sizes.Context,
                VocabSize = task.Sizes.VocabSize,
                EmbeddingDropout = task.Dropout ?? preset.EmbeddingDropout,
                AttentionDropout = task.Dropout ?? preset.AttentionDropout,
                FeedForwardDropout = task.Dropout ?? preset.FeedForwardDropout,
                PaddingId = task.Tokenizer.SpecialTokens.Padding ?? 0,
            };
            using ModernBertModel model = new ModernBertModel(config, generator: task.Random).to(task.Device);
            return Run(task, model, Masked(task));
        },
    };

    private static PretrainFamily Ernie() => Bert() with
    {
        Name = "ernie",
        Title = "an ERNIE",
        Presets = Sizes(ErniePresets.All, c => new(c.LayerCount, c.HeadCount, c.EmbeddingDim, c.ContextLength, c.VocabSize)),
        Objectives = ["masked-lm"],
        Train = task =>
        {
            ErnieConfig preset = ErniePresets.All[task.Preset];
            ErnieConfig config = preset with
            {
                LayerCount = task.Sizes.Layers,
                HeadCount = task.Sizes.Heads,
                EmbeddingDim = task.Sizes.Embedding,
                ContextLength = task.Sizes.Context,
                VocabSize = task.Sizes.VocabSize,
                Dropout = task.Dropout ?? preset.Dropout,
                AttentionDropout = task.Dropout ?? preset.AttentionDropout,
                PaddingId = task.Tokenizer.SpecialTokens.Padding ?? 0,
            };
            using ErnieModel model = new ErnieModel(config, generator: task.Random).to(task.Device);
            return Run(task, model, Masked(task));
        },
    };

    private static PretrainFamily UniLm() => Bert() with
    {
        Name = "unilm",
        Title = "a UniLM",
        Presets = Sizes(UniLmPresets.All, c => new(c.LayerCount, c.HeadCount, c.EmbeddingDim, c.ContextLength, c.VocabSize)),
        Objectives = ["unified-lm", "masked-lm"],
        Train = task =>
        {
            UniLmConfig preset = UniLmPresets.All[task.Preset];
            UniLmConfig config = preset with
            {
                LayerCount = task.Sizes.Layers,
                HeadCount = task.Sizes.Heads,
                EmbeddingDim = task.Sizes.Embedding,
                ContextLength = task.Sizes.Context,
                VocabSize = task.Sizes.VocabSize,
                Dropout = task.Dropout ?? preset.Dropout,
                AttentionDropout = task.Dropout ?? preset.AttentionDropout,
                PaddingId = task.Tokenizer.SpecialTokens.Padding ?? 0,
            };
            using UniLmModel model = new UniLmModel(config, generator: task.Random).to(task.Device);
            return task.Goal.Objective == "masked-lm" ? Run(task, model, Masked(task))
                : Run(task, model, new UnifiedLanguageModeling(task.Tokens, task.Tokenizer, new() { Masking = task.Goal.Masking, ValidationFraction = task.Goal.ValidationFraction }));
        },
    };
}
