using PreTrain.Training;
using Spectre.Console;

/// <summary>A line with the step and the loss that is drawn anew while a model is trained.</summary>
internal sealed class ProgressLine(ProgressTask task) : ITrainingCallback
{
    private string _validation = "";

    /// <summary>Trains below such a line.</summary>
    /// <exception cref="OperationCanceledException">Ctrl+C came before the first step, so that nothing was written.</exception>
    public static TrainingResult Show(int steps, Func<ProgressLine, TrainingResult> train)
    {
        TrainingResult result = AnsiConsole.Progress().Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new RemainingTimeColumn()).Start(progress => train(new(progress.AddTask("starting", maxValue: steps))));
        return result.Steps > 0 ? result : throw new OperationCanceledException();
    }

    public void OnEvaluation(TrainingRun run, EvaluationResult evaluation) => _validation = $"  validation {evaluation.Loss:F3}";

    public void OnStep(TrainingRun run, TrainingStep step)
    {
        task.Description = $"step {step.Step}/{run.Options.Steps}  loss {step.Loss:F3}{_validation}  {step.TokensPerSecond:N0} tokens/s";
        task.Value = step.Step;
    }
}
