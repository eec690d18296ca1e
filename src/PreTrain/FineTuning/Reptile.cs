using System.Globalization;
using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Objectives;
using PreTrain.Optimization;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>
/// Learns weights from which new tasks are learned in a few steps (Nichol, Achiam and Schulman 2018, "On First-Order Meta-Learning Algorithms", algorithm 1): k steps on one task lead from φ to W, then
/// φ ← φ + ε·(W − φ), and the next task begins there. Give it to <see cref="TrainingOptions.Callbacks"/>, and train on an <see cref="ObjectiveMixture{TModel}"/> whose
/// <see cref="ObjectiveMixture{TModel}.BatchesInARow"/> is k times <see cref="TrainingOptions.AccumulationSteps"/>.
/// </summary>
/// <remarks>
/// An optimizer without momentum (<see cref="SgdOptions"/>) takes nothing from one task to the next, as in the paper. ε falls to zero over the run (section 6). The φ of a task in progress lies in the
/// checkpoint, as <c>reptile.safetensors</c>, so that runs resume exactly; training should end with a task.
/// </remarks>
public sealed class Reptile : ITrainingCallback, IDisposable
{
    private const string FileName = "reptile.safetensors", TensorName = "slow", InnerStepsKey = "inner_steps";
    private Tensor? _slow;   // φ, as the parameters lie

    /// <summary>Creates the callback.</summary>
    /// <param name="innerSteps">The steps k on each task, at least 2: with 1 it is ordinary training on all tasks.</param>
    /// <param name="rate">The first ε, above 0 and at most 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of range.</exception>
    public Reptile(int innerSteps, double rate = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(innerSteps, 2);
        if (!(rate > 0 && rate <= 1)) throw new ArgumentOutOfRangeException(nameof(rate), rate, $"rate ({rate}) must be above 0 and at most 1.");
        (InnerSteps, Rate) = (innerSteps, rate);
    }

    /// <summary>The steps on each task.</summary>
    public int InnerSteps { get; }

    /// <summary>The first ε.</summary>
    public double Rate { get; }

    /// <inheritdoc/>
    public JsonObject Describe() => new() { ["innerSteps"] = InnerSteps, ["rate"] = Rate };

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The steps of the run are no multiple of those of a task; steps may be left out (<see cref="Precision.Float16"/>, <see cref="TrainingOptions.Faults"/>), so that tasks would no longer begin where their data do; or weights are averaged within tasks.</exception>
    public void OnStart(TrainingRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        if (run.Options.Precision == Precision.Float16) throw new ArgumentException("Precision (Float16) leaves out steps whose gradients overflow, so that tasks no longer begin where their data do; train in Float32 or BFloat16.");
        if (run.Options.Faults is not { NotFinite: FaultPolicy.Stop, Spike: null or FaultPolicy.Stop }) throw new ArgumentException("Faults leaves out steps, so that tasks no longer begin where their data do; set its policies to Stop.");
        if (run.Options.Average is not null) throw new ArgumentException("Average would be that of the weights within tasks, which are not what is learned; leave it out.");
        if (run.Options.Steps % InnerSteps != 0) throw new ArgumentException($"Steps ({run.Options.Steps}) must be a multiple of {nameof(InnerSteps)} ({InnerSteps}), so that training ends with a task.");
        if (_slow is null || run.Step == 0) Begin(run);
    }

    /// <inheritdoc/>
    public void OnUpdate(TrainingRun run)
    {
        if (run.Step % InnerSteps != 0) return;
        FlatParameters flat = run.Parameters;
        double rate = Rate * (1 - (run.Step - InnerSteps) / (double)run.Options.Steps);
        _slow!.add_((flat.Master - _slow) * rate);
        flat.Master.copy_(_slow);
        if (!ReferenceEquals(flat.Compute, flat.Master)) flat.Compute.copy_(flat.Master);
    }

    /// <inheritdoc/>
    public void OnSave(TrainingRun run, string folder)
    {
        if (run.Step % InnerSteps != 0) SafetensorsWriter.Write(Path.Combine(folder, FileName), [(TensorName, _slow!)], new Dictionary<string, string> { [InnerStepsKey] = InnerSteps.ToString(CultureInfo.InvariantCulture) });
    }

    /// <inheritdoc/>
    /// <exception cref="CheckpointException">The checkpoint is from amid a task, and was not written by such a run, or with another <see cref="InnerSteps"/>.</exception>
    public void OnLoad(TrainingRun run, string folder)
    {
        Begin(run);
        string path = Path.Combine(folder, FileName);
        if (run.Step % InnerSteps == 0 && !File.Exists(path)) return;
        using SafetensorsFile file = SafetensorsFile.Open(path);
        if (file.Metadata.GetValueOrDefault(InnerStepsKey) is { } steps && steps != InnerSteps.ToString(CultureInfo.InvariantCulture))
            throw new CheckpointException(path, $"the task in progress has {steps} steps, and {nameof(InnerSteps)} is {InnerSteps}; go on with as many.");
        if (!file.Names.Contains(TensorName)) throw new CheckpointException(path, $"it holds no '{TensorName}', so that the task in progress cannot be gone on with.");
        using Tensor slow = file.Read(TensorName);
        _slow!.copy_(slow);
    }

    /// <inheritdoc/>
    public void OnEnd(TrainingRun run, TrainingResult result) => Dispose();

    /// <summary>Forgets the weights from which the task in progress began.</summary>
    public void Dispose()
    {
        _slow?.Dispose();
        _slow = null;
    }

    private void Begin(TrainingRun run)
    {
        Dispose();
        _slow = run.Parameters.Master.clone().DetachFromDisposeScope();
    }
}
