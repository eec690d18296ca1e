namespace PreTrain.Training;

/// <summary>Writes a checkpoint every so many steps, after the last, and of weights that are to be kept as the best.</summary>
internal sealed class CheckpointCallback : ITrainingCallback
{
    public void OnStep(TrainingRun run, TrainingStep step)
    {
        int every = run.Options.CheckpointEvery;
        if ((every > 0 && step.Step % every == 0) || run.IsLastStep || run.HasUnsavedBest) run.SaveCheckpoint();
    }
}
