using Microsoft.Extensions.Logging;
using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Training;
using static TorchSharp.torch;

namespace PreTrain.Tests.Training;

/// <summary>Small things to train with.</summary>
internal static class Tiny
{
    /// <summary>A width for which the kernels serve.</summary>
    internal static readonly GptConfig Even = new() { VocabSize = 31, ContextLength = 11, LayerCount = 2, HeadCount = 2, EmbeddingDim = 32, FeedForwardDim = 48 };

    /// <summary>A width for which torch's operators serve.</summary>
    internal static readonly GptConfig Odd = Even with { HeadCount = 3, EmbeddingDim = 21, FeedForwardDim = 53 };

    internal static GptModel Model(GptConfig config, ulong seed = 3)
    {
        using var generator = new Generator(seed, CPU);
        return new GptModel(config, generator: generator);
    }

    internal static TrainingOptions Options(string output, int steps = 12) => new()
    {
        Output = output,
        Steps = steps,
        BatchSize = 3,
        LearningRate = 5e-3,
        WarmupSteps = 2,
        Seed = 17,
        LogEvery = 1,
        CheckpointEvery = 5,
        EvaluateEvery = 4,
    };

    internal static TrainingResult Train<TModel>(TModel model, RowsObjective objective, TrainingOptions options) where TModel : nn.Module, IPretrainedModel, ICausalLanguageModel =>
        new Trainer(options).Run(model, objective, TestContext.Current.CancellationToken);

    internal static string[] Metrics(string output) => File.ReadAllLines(Path.Combine(output, "metrics.jsonl"));

    /// <summary>Calls a function after each step.</summary>
    internal sealed class AfterStep(Action<TrainingRun, TrainingStep> action) : ITrainingCallback
    {
        public void OnStep(TrainingRun run, TrainingStep step) => action(run, step);
    }

    /// <summary>Calls a function after each evaluation.</summary>
    internal sealed class AfterEvaluation(Action<EvaluationResult> action) : ITrainingCallback
    {
        public void OnEvaluation(TrainingRun run, EvaluationResult evaluation) => action(evaluation);
    }

    internal sealed class ListLogger : ILogger
    {
        internal List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Add($"{logLevel}: {formatter(state, exception)}");
    }
}
