using System.Text.Json.Nodes;
using PreTrain.Optimization;
using PreTrain.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>
/// Trains the head first, and after every so many steps one more block, from the last one to the first, and at last the embeddings (Howard and Ruder 2018, "Universal Language Model Fine-tuning for Text
/// Classification", section 3.3). Give it to <see cref="TrainingOptions.Callbacks"/>.
/// </summary>
/// <remarks>
/// What is frozen gets no gradient, stays what it is to the last bit whatever the optimizer and its weight decay do, and has untouched moments when it is its turn. All follows from the step, so that a resumed run
/// goes on as if it had not stopped. To be trained with lower rates below, use <see cref="UpdateOptions.LayerDecay"/> along with it.
/// </remarks>
public sealed class GradualUnfreezing : ITrainingCallback, IDisposable
{
    private readonly Dictionary<string, Tensor> _held = [];

    /// <summary>Creates the schedule.</summary>
    /// <param name="stepsPerBlock">The steps after which the next block is trained too; the paper's are those of an epoch.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is not positive.</exception>
    public GradualUnfreezing(int stepsPerBlock)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(stepsPerBlock);
        StepsPerBlock = stepsPerBlock;
    }

    /// <summary>The steps after which the next block is trained too.</summary>
    public int StepsPerBlock { get; }

    /// <inheritdoc/>
    public JsonObject Describe() => new() { ["stepsPerBlock"] = StepsPerBlock };

    /// <inheritdoc/>
    public void OnStart(TrainingRun run) => Apply(run);

    /// <inheritdoc/>
    public void OnUpdate(TrainingRun run) => Apply(run);

    /// <inheritdoc/>
    public void OnFault(TrainingRun run, TrainingFault fault) => Apply(run);

    /// <inheritdoc/>
    public void OnEnd(TrainingRun run, TrainingResult result)
    {
        foreach (Parameter parameter in run.Model.parameters().Where(p => run.Parameters.Find(p, run.Parameters.Master) is not null)) run.Parameters.Want(parameter, true);
        Dispose();
    }

    /// <summary>Forgets the values of what was frozen last.</summary>
    public void Dispose()
    {
        foreach (Tensor held in _held.Values) held.Dispose();
        _held.Clear();
    }

    private void Apply(TrainingRun run)
    {
        FlatParameters flat = run.Parameters;
        Dictionary<string, Parameter> parameters = run.Model.named_parameters().ToDictionary(p => p.name, p => p.parameter);
        int blocks = flat.Ranges.Max(r => r.Block + 1) ?? 0;
        foreach (ParameterRange range in flat.Ranges)
        {
            int depth = range.Block is { } block ? block + 1 : range.IsEmbedding ? 0 : blocks + 1;
            bool frozen = run.Step < (long)(blocks + 1 - depth) * StepsPerBlock;
            Parameter parameter = parameters[range.Name];
            flat.Want(parameter, !frozen);
            Tensor master = flat.Find(parameter, flat.Master)!;
            if (_held.TryGetValue(range.Name, out Tensor? held))
            {
                // The step before may have moved it by its decay.
                master.copy_(held);
                if (!ReferenceEquals(flat.Compute, flat.Master)) flat.Find(parameter, flat.Compute)!.copy_(held);
                if (frozen) continue;
                _held.Remove(range.Name);
                held.Dispose();
            }
            else if (frozen)
            {
                _held.Add(range.Name, master.clone().DetachFromDisposeScope());
            }
        }
    }
}
