using Microsoft.Extensions.Logging;

namespace PreTrain.Training;

/// <summary>Tells a logger how the training goes.</summary>
internal sealed class LogCallback(ILogger log) : ITrainingCallback
{
    private TrainingStep? _untold;   // the last step, where it has no line yet

    public void OnStart(TrainingRun run) =>
        log.LogInformation("Training {Parameters} parameters in {Precision}, steps {First} to {Last}, in {Output}.",
            run.ParameterCount, run.Options.Precision, run.Step + 1, run.Options.Steps, run.Output);

    public void OnStep(TrainingRun run, TrainingStep step)
    {
        _untold = step;
        if (step.Step % run.Options.LogEvery == 0 || run.IsLastStep) Tell(run, step);
    }

    private void Tell(TrainingRun run, TrainingStep step)
    {
        _untold = null;
        log.LogInformation("Step {Step}/{Steps}: loss {Loss:F4}, gradient norm {GradientNorm:F3}, learning rate {LearningRate:G3}, {TokensPerSecond:F0} tokens/s.",
            step.Step, run.Options.Steps, step.Loss, step.GradientNorm, step.LearningRate, step.TokensPerSecond);
    }

    public void OnEvaluation(TrainingRun run, EvaluationResult evaluation)
    {
        if (run.IsLastStep && _untold is { } last && last.Step == run.Step) Tell(run, last);   // it has become the last
        if (evaluation.Accuracy is { } accuracy)
            log.LogInformation("Step {Step}: validation loss {Loss:F4}, perplexity {Perplexity:F2}, accuracy {Accuracy:P2}.", run.Step, evaluation.Loss, evaluation.Perplexity, accuracy);
        else
            log.LogInformation("Step {Step}: validation loss {Loss:F4}, perplexity {Perplexity:F2}.", run.Step, evaluation.Loss, evaluation.Perplexity);
    }

    public void OnFault(TrainingRun run, TrainingFault fault) => log.LogWarning("{Fault} {Action} Faults without progress: {InARow}.{Dump}", fault.Message, fault.Action switch
    {
        FaultPolicy.Skip => "The update is skipped.",
        FaultPolicy.RollBack => $"The training goes back to step {fault.ReturnedTo}, and on with the data behind it.",
        _ => "The training ends.",
    }, fault.InARow, fault.Dump is null ? "" : $" The batch is in {fault.Dump}.");

    public void OnCheckpoint(TrainingRun run, string folder) => log.LogInformation("Step {Step}: wrote {Folder}.", run.Step, folder);

    public void OnEnd(TrainingRun run, TrainingResult result)
    {
        if (result.Interrupted) log.LogWarning("Interrupted after step {Step} of {Steps}; a run that resumes goes on there.", result.Steps, run.Options.Steps);
        else if (result.StoppedEarly) log.LogInformation("Stopped at step {Step} of {Steps}, since the validation loss no longer falls; the model, of step {ModelStep}, is in {Folder}.", result.Steps, run.Options.Steps, result.ModelStep, result.ModelFolder);
        else log.LogInformation("Done after {Seconds:F1} s; the model is in {Folder}.", result.Seconds, result.ModelFolder);
    }
}
