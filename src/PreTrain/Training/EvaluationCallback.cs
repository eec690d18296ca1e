namespace PreTrain.Training;

/// <summary>Evaluates on the held-out data every so many steps, and after the last.</summary>
internal sealed class EvaluationCallback : ITrainingCallback
{
    public void OnStep(TrainingRun run, TrainingStep step)
    {
        int every = run.Options.EvaluateEvery;
        if ((every > 0 && step.Step % every == 0) || run.IsLastStep) run.Evaluate();
    }
}
