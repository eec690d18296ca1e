using System.CommandLine;
using System.Text.Json.Nodes;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Models.Bart;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Models.T5;
using PreTrain.Models.Transformer;
using PreTrain.Models.UniLm;
using PreTrain.Objectives;
using PreTrain.Reports;
using PreTrain.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Cli.Commands;

/// <summary>What the commands that go on with a model have in common.</summary>
internal static class TunedModel
{
    /// <summary>The usual learning rate of a model that knows its language already (Devlin et al. 2019, appendix A.3).</summary>
    public const double LearningRate = 5e-5;

    /// <summary>How the help writes it.</summary>
    public const string LearningRateText = "5e-5";

    public const double ValidationFraction = 0.05;

    /// <summary>The option that names the model.</summary>
    public static Option<string?> CreateOption() => Options.Text("--model", "DIR", ModelFolder.Description, required: true);

    /// <summary>The option for what is held out.</summary>
    public static Option<double?> CreateFraction(string what, double usual = ValidationFraction) => Options.Number("--validation-fraction", FormattableString.Invariant($"The share of the {what} that is held out. The default is {usual}."),
        share => share is >= 0 and < 1, "must be a number from 0 to below 1");

    /// <summary>The option for dropout.</summary>
    public static Option<double?> CreateDropout() => Options.Number("--dropout", "The share of hidden states and of attention that is dropped in training; of Llama and its relatives that of attention. The default is what the model's folder says.",
        share => share is >= 0 and < 1, "must be a number from 0 to below 1");

    /// <summary>Whether a model computes something else in training each time, but for what its head drops.</summary>
    public static bool DropsOut(ITransformerModel model) => model.ToConfigJson().Any(member =>
        member.Key.Contains("drop", StringComparison.Ordinal) && !member.Key.Contains("classif", StringComparison.Ordinal) && !member.Key.StartsWith("qa_", StringComparison.Ordinal) && member.Value is JsonValue value && value.TryGetValue(out double share) && share > 0);

    /// <summary>Tells how many examples do not fit into a row.</summary>
    public static void LogShortened(Session session, string what, int cut)
    {
        if (cut > 0) session.Log($"{(cut == 1 ? $"A {what} is" : $"{cut} {what}s are")} longer than a row, and what lies behind it is cut off.");
    }

    /// <summary>Tells how many conversations do not fit into a row.</summary>
    public static void LogShortened(Session session, ICausalLanguageModel model, ChatTuning objective, string what)
    {
        var (cut, leftOut) = objective.Shortened(model);
        LogShortened(session, what, cut);
        if (leftOut > 0) session.Log($"{(leftOut == 1 ? $"A {what} is" : $"{leftOut} {what}s are")} left out: no answer begins within a row.");
    }

    /// <summary>Requires a model that can be trained, and an output that is free and no folder that the model is read from.</summary>
    public static void CheckFolders(string model, TrainingOptions training)
    {
        ModelFolder.RequireWhole(model);
        string output = Whole(training.Output);
        if (Whole(model) == output || (Directory.Exists(model) && Whole(ModelFolder.Resolve(model)).StartsWith(output + Path.DirectorySeparatorChar, StringComparison.Ordinal)))
            throw new UsageException($"--output ({training.Output}) holds the model that is read ({model}), which must not be overwritten; take another folder.");
        RunChoice.CheckFolder(training);
    }

    private static string Whole(string path) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));

    /// <summary>What a model computes for a token; the number of its layers and its width are those of what it says of one.</summary>
    public static TransformerCost CostOf(ITransformerModel model, int length)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        bool writes = model is ISequenceToSequenceModel && model.Head == ModelHead.SequenceToSequence;
        Tensor one = zeros([1, 1], dtype: ScalarType.Int64, device: model.Device);
        IReadOnlyList<Tensor> states = model.Forward(new ModelInput { Ids = one, DecoderIds = writes ? one : null, WantHiddenStates = true }).HiddenStates!;
        return new() { LayerCount = Math.Max(1, states.Count - 1), AttentionDim = (int)states[^1].size(-1), ContextLength = length, ParameterShare = writes ? 0.5 : 1 };
    }

    /// <summary>Trains a model of any family that goes on from a text.</summary>
    public static TrainingResult Train(ITransformerModel model, TrainingOptions options, ChatTuning objective, CancellationToken cancellation) => model switch
    {
        GptModel gpt => new Trainer(options).Run(gpt, objective, cancellation),
        LlamaModel llama => new Trainer(options).Run(llama, objective, cancellation),
        UniLmModel bert => new Trainer(options).Run(bert, objective, cancellation),
        _ => throw Unknown(model),
    };

    /// <summary>Trains a model of any family that reads and writes.</summary>
    public static TrainingResult Train(ITransformerModel model, TrainingOptions options, SequenceToSequenceTuning objective, CancellationToken cancellation) => model switch
    {
        T5Model t5 => new Trainer(options).Run(t5, objective, cancellation),
        BartModel bart => new Trainer(options).Run(bart, objective, cancellation),
        TransformerModel marian => new Trainer(options).Run(marian, objective, cancellation),
        _ => throw Unknown(model),
    };

    private static UsageException Unknown(ITransformerModel model) => new($"--model holds a {model.ModelType} model, which cannot be trained for this task.");
}
