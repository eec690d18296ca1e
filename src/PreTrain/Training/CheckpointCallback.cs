namespace PreTrain.Training;

/// <summary>Writes a checkpoint every so many steps, and after the last.</summary>
internal sealed class CheckpointCallback : ITrainingCallback
{
    public void OnStep(TrainingRun run, TrainingStep step)
    {
        int every = run.Options.CheckpointEvery;
        if ((every > 0 && step.Step % every == 0) || run.IsLastStep) run.SaveCheckpoint();
    }
}
