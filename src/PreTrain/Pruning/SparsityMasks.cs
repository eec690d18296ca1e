using PreTrain.Models;
using PreTrain.Modules;
using PreTrain.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Pruning;

/// <summary>
/// Keeps the zeros of a pruned model while it is trained further: give it to <see cref="TrainingOptions.Callbacks"/>. Weights that are zero get no gradient, and after each step they are zero to the last bit,
/// whatever the optimizer, its weight decay and its momentum do; so they are in every checkpoint, in an average of the weights, and in the saved model, which is an ordinary folder.
/// </summary>
/// <remarks>
/// Which weights are zero is read from the weights themselves, also when a run is resumed: nothing is saved beside them. A weight that becomes exactly zero by an update stays so.
/// </remarks>
public sealed class SparsityMasks : ITrainingCallback, IDisposable
{
    private readonly List<(string Name, Projection Map)> _maps;

    /// <summary>Takes the zeros of a model's linear maps as they are.</summary>
    /// <param name="model">A model of any family, pruned or not.</param>
    /// <param name="targets">Patterns of the maps; null for all maps of the blocks.</param>
    /// <exception cref="ArgumentException">A pattern fits nothing, or a map computes with something else already.</exception>
    public SparsityMasks(ITransformerModel model, IReadOnlyList<string>? targets = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        _maps = LinearMaps.SelectPlain(model, targets ?? LinearMaps.OfBlocks);
        foreach (var (_, map) in _maps) map.Transform = new MaskedProjection(map);
    }

    /// <inheritdoc/>
    public void OnStart(TrainingRun run) => Refresh(run);

    /// <inheritdoc/>
    public void OnUpdate(TrainingRun run) => Apply(run);

    /// <inheritdoc/>
    public void OnFault(TrainingRun run, TrainingFault fault) => Refresh(run);

    /// <summary>Leaves the maps as they are without masks, the zeros in their weights.</summary>
    public void Dispose()
    {
        foreach (var (_, map) in _maps)
        {
            if (map.Transform is not MaskedProjection transform) continue;
            map.Transform = null;
            transform.Dispose();
        }
    }

    /// <summary>Sets weights of the smallest magnitude to zero, those that are zero already included.</summary>
    /// <exception cref="ArgumentException">Maps would lose all weights; all are named.</exception>
    internal void Prune(TrainingRun run, PruningOptions options)
    {
        (string Name, Projection Map, Tensor Master)[] trained = [.. Trained(run)];
        List<Tensor> gone = PruningMasks.OfMagnitudes([.. trained.Select(t => t.Master)], options, CancellationToken.None);
        PruningMasks.RequireWeights([.. trained.Select(t => t.Name)], gone, options);
        for (int i = 0; i < trained.Length; i++) MaskOf(trained[i].Map).logical_and_(gone[i].logical_not());
        Apply(run);
    }

    /// <summary>Where the weights that a run has loaded are not zero.</summary>
    private void Refresh(TrainingRun run)
    {
        foreach (var (_, map, master) in Trained(run)) MaskOf(map).copy_(master.ne(0));
    }

    private void Apply(TrainingRun run)
    {
        foreach (var (_, map, master) in Trained(run))
        {
            Tensor mask = MaskOf(map);
            master.mul_(mask);
            if (!ReferenceEquals(run.Parameters.Compute, run.Parameters.Master)) map.weight.mul_(mask);
            if (run.Average is { } average) run.Parameters.Find(map.weight, average.Values)!.mul_(mask);
            mask.copy_(master.ne(0));
        }
    }

    private IEnumerable<(string Name, Projection Map, Tensor Master)> Trained(TrainingRun run)
    {
        foreach (var (name, map) in _maps)
        {
            if (run.Parameters.Find(map.weight, run.Parameters.Master) is { } master) yield return (name, map, master);
        }
    }

    private static Tensor MaskOf(Projection map) => ((MaskedProjection)map.Transform!).mask;
}
