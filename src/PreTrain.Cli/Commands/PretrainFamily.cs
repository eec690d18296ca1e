using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Electra;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Models.ModernBert;
using PreTrain.Models.Roberta;
using PreTrain.Models.T5;
using PreTrain.Objectives;
using PreTrain.Tokenization;
using PreTrain.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Cli.Commands;

/// <summary>What a family of models brings to its command: presets, a kind of tokenizer, objectives.</summary>
internal sealed record PretrainFamily
{
    private const int T5Context = 128, SentinelCount = 100;

    /// <summary>The command.</summary>
    public required string Name { get; init; }

    /// <summary>"a GPT".</summary>
    public required string Title { get; init; }

    /// <summary>The sizes of each preset.</summary>
    public required IReadOnlyDictionary<string, ModelSizes> Presets { get; init; }

    /// <summary>The objectives; the first is the default.</summary>
    public required string[] Objectives { get; init; }

    /// <summary>The fewest tokens of a vocabulary.</summary>
    public required int SmallestVocabulary { get; init; }

    /// <summary>What these tokens are.</summary>
    public required string VocabularyNeeds { get; init; }

    /// <summary>Whether a share of the tokens is hidden.</summary>
    public bool Masks { get; init; }

    /// <summary>Whether words and the like may be hidden together.</summary>
    public bool MasksUnits { get; init; }

    /// <summary>Whether spans are lost.</summary>
    public bool LosesSpans { get; init; }

    /// <summary>Whether one half of the model reads and the other writes.</summary>
    public bool HasEncoderAndDecoder { get; init; }

    /// <summary>Whether the vocabulary is scored at hidden tokens alone.</summary>
    public bool ScoresHiddenOnly => Masks && !HasEncoderAndDecoder;

    /// <summary>Trains a tokenizer: from a corpus, the vocabulary's size and the number of threads.</summary>
    public required Func<TextCorpus, int, int, CancellationToken, TextTokenizer> TrainTokenizer { get; init; }

    /// <summary>Creates a model and trains it.</summary>
    public required Func<PretrainTask, TrainingResult> Train { get; init; }

    /// <summary>All families.</summary>
    public static IReadOnlyList<PretrainFamily> All { get; } = [Gpt(), Bert(), Roberta(), Electra(), ModernBert(), T5(), Llama()];

    private static PretrainFamily Gpt() => new()
    {
        Name = "gpt",
        Title = "a GPT",
        Presets = Sizes(GptPresets.All, c => new(c.LayerCount, c.HeadCount, c.EmbeddingDim, c.ContextLength, c.VocabSize)),
        Objectives = ["causal-lm"],
        SmallestVocabulary = 257,
        VocabularyNeeds = "the 256 bytes and the end of a document",
        TrainTokenizer = (corpus, size, threads, cancellation) => ByteLevelBpeTokenizer.Train(corpus, new() { VocabSize = size, Threads = threads }, cancellation: cancellation),
        Train = task =>
        {
            GptConfig config = GptPresets.All[task.Preset] with
            {
                LayerCount = task.Sizes.Layers,
                HeadCount = task.Sizes.Heads,
                EmbeddingDim = task.Sizes.Embedding,
                ContextLength = task.Sizes.Context,
                VocabSize = task.Sizes.VocabSize,
            };
            using GptModel model = new GptModel(config, generator: task.Random).to(task.Device);
            return Run(task, model, new CausalLanguageModeling(task.Tokens, task.Goal.ValidationFraction));
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
                // Other widths have no ready-made ratio of key-value heads and feed-forward layers.
                KeyValueHeadCount = task.Sizes.Heads == preset.HeadCount ? preset.KeyValueHeadCount : 0,
                FeedForwardDim = task.Sizes.Embedding == preset.EmbeddingDim ? preset.FeedForwardDim : 8 * task.Sizes.Embedding / 3,
            };
            using LlamaModel model = new LlamaModel(config, generator: task.Random).to(task.Device);
            return Run(task, model, new CausalLanguageModeling(task.Tokens, task.Goal.ValidationFraction));
        },
    };

    private static PretrainFamily Bert() => new()
    {
        Name = "bert",
        Title = "a BERT",
        Presets = Sizes(BertPresets.All, c => new(c.LayerCount, c.HeadCount, c.EmbeddingDim, c.ContextLength, c.VocabSize)),
        Objectives = ["masked-lm", "next-sentence", "sentence-order"],
        SmallestVocabulary = 100,
        VocabularyNeeds = "the special tokens and the characters of a text",
        Masks = true,
        MasksUnits = true,
        TrainTokenizer = (corpus, size, threads, cancellation) =>
            PipelineTokenizer.TrainWordPiece(corpus, new() { VocabSize = size, AlphabetLimit = size / 4, Threads = threads }, cancellation: cancellation),
        Train = task =>
        {
            BertConfig config = BertPresets.All[task.Preset] with
            {
                LayerCount = task.Sizes.Layers,
                HeadCount = task.Sizes.Heads,
                EmbeddingDim = task.Sizes.Embedding,
                ContextLength = task.Sizes.Context,
                VocabSize = task.Sizes.VocabSize,
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
        Train = task =>
        {
            ElectraConfig config = ElectraPresets.All[task.Preset] with
            {
                LayerCount = task.Sizes.Layers,
                HeadCount = task.Sizes.Heads,
                EmbeddingDim = task.Sizes.Embedding,
                ContextLength = task.Sizes.Context,
                VocabSize = task.Sizes.VocabSize,
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
            RobertaConfig config = RobertaPresets.All[task.Preset] with
            {
                LayerCount = task.Sizes.Layers,
                HeadCount = task.Sizes.Heads,
                EmbeddingDim = task.Sizes.Embedding,
                ContextLength = task.Sizes.Context,
                VocabSize = task.Sizes.VocabSize,
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
                PaddingId = task.Tokenizer.SpecialTokens.Padding ?? 0,
            };
            using ModernBertModel model = new ModernBertModel(config, generator: task.Random).to(task.Device);
            return Run(task, model, Masked(task));
        },
    };

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

    private static MaskedLanguageModeling Masked(PretrainTask task) =>
        new(task.Tokens, task.Tokenizer, new() { Masking = task.Goal.Masking, ValidationFraction = task.Goal.ValidationFraction });

    private static TrainingResult Run<TModel, TObjective>(PretrainTask task, TModel model, TObjective objective) where TModel : nn.Module, IPretrainedModel where TObjective : IObjective<TModel> =>
        new Trainer(task.Options).Run(model, objective, task.Cancellation);

    private static Dictionary<string, ModelSizes> Sizes<TConfig>(IReadOnlyDictionary<string, TConfig> presets, Func<TConfig, ModelSizes> sizes) =>
        presets.ToDictionary(preset => preset.Key, preset => sizes(preset.Value), StringComparer.OrdinalIgnoreCase);
}
