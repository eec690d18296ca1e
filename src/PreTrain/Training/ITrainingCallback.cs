using System.Text.Json.Nodes;

namespace PreTrain.Training;

/// <summary>
/// Takes part in a training. All hooks are called on the training thread, outside of autograd's recording and inside a dispose scope of
/// their own; an exception from a hook ends the training.
/// </summary>
public interface ITrainingCallback
{
    /// <summary>What the course of a training depends on: a resumed run in which it differs from the checkpoint's goes on with a warning, as it does with other learning rates.</summary>
    /// <returns>Null, the default, where the callback only watches.</returns>
    JsonObject? Describe() => null;

    /// <summary>Before the first step, when a checkpoint to resume has been loaded.</summary>
    /// <param name="run">The training.</param>
    void OnStart(TrainingRun run)
    {
    }

    /// <summary>After every update, before any callback's <see cref="OnStep"/>, before the weights are averaged and the step is evaluated: the place to change weights.</summary>
    /// <param name="run">The training.</param>
    void OnUpdate(TrainingRun run)
    {
    }

    /// <summary>After every update, before the step's checkpoint is written. It may have been evaluated already.</summary>
    /// <param name="run">The training.</param>
    /// <param name="step">The step.</param>
    void OnStep(TrainingRun run, TrainingStep step)
    {
    }

    /// <summary>After an evaluation on the held-out data.</summary>
    /// <param name="run">The training.</param>
    /// <param name="evaluation">What was measured over all held-out targets that were evaluated.</param>
    void OnEvaluation(TrainingRun run, EvaluationResult evaluation)
    {
    }

    /// <summary>
    /// After a step whose loss or gradient could not be trusted, instead of <see cref="OnStep"/>. Where a checkpoint was gone back to, the run is at its step already, and
    /// the steps behind it come again.
    /// </summary>
    /// <param name="run">The training.</param>
    /// <param name="fault">What was wrong, and what was done.</param>
    void OnFault(TrainingRun run, TrainingFault fault)
    {
    }

    /// <summary>While a checkpoint is written: files that are put into the folder belong to it.</summary>
    /// <param name="run">The training.</param>
    /// <param name="folder">The folder, which is not at its place yet.</param>
    void OnSave(TrainingRun run, string folder)
    {
    }

    /// <summary>After a checkpoint was loaded, to resume or to go back to it; before <see cref="OnStart"/> or <see cref="OnFault"/>.</summary>
    /// <param name="run">The training.</param>
    /// <param name="folder">The checkpoint's folder.</param>
    void OnLoad(TrainingRun run, string folder)
    {
    }

    /// <summary>After a checkpoint was written completely.</summary>
    /// <param name="run">The training.</param>
    /// <param name="folder">The checkpoint's folder.</param>
    void OnCheckpoint(TrainingRun run, string folder)
    {
    }

    /// <summary>After the last step, also of an interrupted training, when the model has been saved; not after a failure.</summary>
    /// <param name="run">The training.</param>
    /// <param name="result">What it came to.</param>
    void OnEnd(TrainingRun run, TrainingResult result)
    {
    }
}
