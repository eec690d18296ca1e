using System.Text;
using Microsoft.Extensions.Logging;
using PreTrain.Checkpoints;

namespace PreTrain.Training;

/// <summary>Keeps <c>faults.jsonl</c>, one line for each fault of the run. It is written anew from what the run knows, so that a resumed one ends with the same lines; without a fault there is none.</summary>
internal sealed class FaultsCallback(RunFolder folder) : ITrainingCallback
{
    public void OnStart(TrainingRun run) => Write(run);

    public void OnFault(TrainingRun run, TrainingFault fault) => Write(run);

    private void Write(TrainingRun run)
    {
        if (run.Faults.Count == 0)
        {
            File.Delete(folder.Faults);
            return;
        }
        var text = new StringBuilder();
        foreach (TrainingFault fault in run.Faults) text.Append(fault.ToJson().ToJsonString()).Append('\n');
        try
        {
            AtomicFile.WriteAllText(folder.Faults, text.ToString());
        }
        catch (IOException e) when (!run.Options.RequireCheckpoints)
        {
            run.Options.Logger?.LogError("Step {Step}: {File} could not be written: {Fault} The training goes on without it.", run.Step, folder.Faults, e.Message);
        }
    }
}
