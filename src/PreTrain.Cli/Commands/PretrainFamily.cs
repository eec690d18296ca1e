using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Objectives;
using PreTrain.Tokenization;
using PreTrain.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Cli.Commands;

/// <summary>What a family of models brings to its command: presets, a kind of tokenizer, objectives.</summary>
internal sealed partial record PretrainFamily
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

    /// <summary>The share that is hidden where none is given.</summary>
    public double DefaultMaskRate { get; init; } = 0.15;

    /// <summary>Whether words and the like may be hidden together.</summary>
    public bool MasksUnits { get; init; }

    /// <summary>Whether spans are lost.</summary>
    public bool LosesSpans { get; init; }

    /// <summary>Whether one half of the model reads and the other writes.</summary>
    public bool HasEncoderAndDecoder { get; init; }

    /// <summary>Whether the vocabulary is scored at hidden tokens alone.</summary>
    public bool ScoresHiddenOnly => Masks && !HasEncoderAndDecoder;

    /// <summary>Whether documents may be packed.</summary>
    public bool Packs { get; init; }

    /// <summary>Trains a tokenizer: from a corpus, the vocabulary's size and the number of threads.</summary>
    public required Func<TextCorpus, int, int, CancellationToken, TextTokenizer> TrainTokenizer { get; init; }

    /// <summary>Creates a model and trains it.</summary>
    public required Func<PretrainTask, TrainingResult> Train { get; init; }

    /// <summary>All families.</summary>
    public static IReadOnlyList<PretrainFamily> All { get; } = [Gpt(), Bert(), Roberta(), Electra(), ModernBert(), Ernie(), UniLm(), T5(), Bart(), Llama()];

    private static MaskedLanguageModeling Masked(PretrainTask task) =>
        task.Text is { } text
            ? new(text, task.Tokenizer, new() { Masking = task.Goal.Masking, ValidationFraction = task.Goal.ValidationFraction })
            : new(task.Tokens, task.Tokenizer, new() { Masking = task.Goal.Masking, ValidationFraction = task.Goal.ValidationFraction });

    private static TrainingResult RunCausal<TModel>(PretrainTask task, TModel model) where TModel : nn.Module, IPretrainedModel, ICausalLanguageModel =>
        task.Goal.Objective == "prefix-lm" ? Run(task, model, new PrefixLanguageModeling(task.Tokens, task.Goal.ValidationFraction))
        : Run(task, model, task.Text is { } text ? new CausalLanguageModeling(text, task.Goal.ValidationFraction) : new(task.Tokens, task.Goal.ValidationFraction));

    private static TrainingResult Run<TModel, TObjective>(PretrainTask task, TModel model, TObjective objective) where TModel : nn.Module, IPretrainedModel where TObjective : IObjective<TModel> =>
        new Trainer(task.Options).Run(model, objective, task.Cancellation);

    private static Dictionary<string, ModelSizes> Sizes<TConfig>(IReadOnlyDictionary<string, TConfig> presets, Func<TConfig, ModelSizes> sizes) =>
        presets.ToDictionary(preset => preset.Key, preset => sizes(preset.Value), StringComparer.OrdinalIgnoreCase);
}
