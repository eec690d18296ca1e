using Microsoft.Extensions.Logging;

namespace PreTrain.Training;

/// <summary>Tells a logger how the training goes.</summary>
internal sealed class LogCallback(ILogger log) : ITrainingCallback
{
    public void OnStart(TrainingRun run) =>
        log.LogInformation("Training {Parameters} parameters in {Precision}, steps {First} to {Last}, in {Output}.",
            run.ParameterCount, run.Options.Precision, run.Step + 1, run.Options.Steps, run.Output);

    public void OnStep(TrainingRun run, TrainingStep step)
    {
        if (step.Step % run.Options.LogEvery != 0 && !run.IsLastStep) return;
        log.LogInformation("Step {Step}/{Steps}: loss {Loss:F4}, gradient norm {GradientNorm:F3}, learning rate {LearningRate:G3}, {TokensPerSecond:F0} tokens/s.",
            step.Step, run.Options.Steps, step.Loss, step.GradientNorm, step.LearningRate, step.TokensPerSecond);
    }

    public void OnEvaluation(TrainingRun run, double loss) => log.LogInformation("Step {Step}: validation loss {Loss:F4}.", run.Step, loss);

    public void OnCheckpoint(TrainingRun run, string folder) => log.LogInformation("Step {Step}: wrote {Folder}.", run.Step, folder);

    public void OnEnd(TrainingRun run, TrainingResult result)
    {
        if (result.Interrupted) log.LogWarning("Interrupted after step {Step} of {Steps}; set Resume to go on.", result.Steps, run.Options.Steps);
        else log.LogInformation("Done after {Seconds:F1} s; the model is in {Folder}.", result.Seconds, result.ModelFolder);
    }
}
