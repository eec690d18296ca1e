using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Models;
using PreTrain.Modules;
using PreTrain.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Pruning;

/// <summary>
/// Movement pruning (Sanh et al. 2020, "Movement Pruning: Adaptive Sparsity by Fine-Tuning"): every weight has a score, which grows while training moves the weight away from zero, and each map computes with
/// those of the highest scores. Give it to <see cref="TrainingOptions.Callbacks"/> and <see cref="TrainingOptions.Weights"/>, let the training come to the schedule's end, and call <see cref="Finish"/>.
/// </summary>
/// <remarks>
/// The scores are parameters named <c>….transform.scores</c>; the paper trains them a hundred times as fast as the weights and without decay, which an
/// <see cref="Optimization.ParameterRule"/> says. Each saved folder is an ordinary one with zeros in it; beside it, <c>movement.safetensors</c> holds scores and weights, of which those that are zero in the
/// model may come back.
/// </remarks>
public sealed class MovementPruning : IPretrainedModel, ITrainingCallback, IDisposable
{
    private const string FileName = "movement.safetensors";
    private readonly ITransformerModel _model;
    private readonly List<(string Name, Projection Map)> _maps;

    /// <summary>Gives scores of zero to a model's weights, all of which take part at first.</summary>
    /// <param name="model">A pre-trained model of any family.</param>
    /// <param name="schedule">The sparsity of each map at every step; the paper's is cubic.</param>
    /// <param name="targets">Patterns of the maps; null for all maps of the blocks.</param>
    /// <exception cref="ArgumentException">The schedule is not valid; a pattern fits nothing; a map would lose all weights, or computes with something else already.</exception>
    public MovementPruning(ITransformerModel model, SparsitySchedule schedule, IReadOnlyList<string>? targets = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(schedule);
        schedule.Validate();
        (_model, Schedule) = (model, schedule);
        _maps = LinearMaps.SelectPlain(model, targets ?? LinearMaps.OfBlocks);
        PruningMasks.Require(_maps, new PruningOptions { Sparsity = schedule.FinalSparsity });
        foreach (var (_, map) in _maps) map.Transform = new MovementProjection(map);
    }

    /// <summary>The sparsity of every step.</summary>
    public SparsitySchedule Schedule { get; }

    /// <inheritdoc/>
    public JsonObject Describe() => new() { ["schedule"] = Schedule.ToString(), ["maps"] = string.Join(", ", _maps.Select(map => map.Name)) };

    /// <inheritdoc/>
    public void OnStart(TrainingRun run)
    {
        Schedule.Require(run.Options);
        if (!ReferenceEquals(run.Options.Weights, this)) throw new ArgumentException($"{nameof(TrainingOptions.Weights)} must be this {nameof(MovementPruning)}, so that checkpoints hold the scores.");
        Choose(run);
    }

    /// <inheritdoc/>
    public void OnUpdate(TrainingRun run) => Choose(run);

    /// <inheritdoc/>
    public void OnFault(TrainingRun run, TrainingFault fault) => Choose(run);

    /// <summary>Sets the weights that do not take part to zero, and takes the scores away: the model is an ordinary one again.</summary>
    /// <returns>How sparse the maps are.</returns>
    public SparsityReport Finish()
    {
        using (no_grad())
        {
            foreach (var (_, map) in _maps) map.weight.mul_(TransformOf(map).mask);
        }
        Dispose();
        return SparsityReport.Of(_maps);
    }

    /// <inheritdoc/>
    public JsonObject ToConfigJson() => _model.ToConfigJson();

    /// <inheritdoc/>
    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        Dictionary<string, Tensor> raw = [], all = weights?.ToDictionary() ?? [];
        foreach (var (name, map) in _maps)
        {
            MovementProjection transform = TransformOf(map);
            Tensor weight = all.GetValueOrDefault(name + ".weight") ?? map.weight;
            raw[name + ".weight"] = weight.to(ScalarType.Float32);
            raw[name + ".scores"] = (all.GetValueOrDefault(name + ".transform.scores") ?? transform.scores).to(ScalarType.Float32);
            all[name + ".weight"] = weight * transform.mask;
        }
        _model.SavePretrained(folder, all);
        SafetensorsWriter.Write(Path.Combine(folder, FileName), raw.Select(pair => (pair.Key, pair.Value)), new Dictionary<string, string> { ["format"] = "pt" });
    }

    /// <inheritdoc/>
    public void LoadPretrained(string folder)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        string path = Path.Combine(folder, FileName);
        using CheckpointTensors file = CheckpointTensors.Open(path);
        var own = _maps.SelectMany(m => new[] { (Name: m.Name + ".weight", Value: (Tensor)m.Map.weight), (Name: m.Name + ".scores", Value: TransformOf(m.Map).scores) }).ToDictionary(p => p.Name, p => p.Value);
        string[] faults = [.. own.Where(p => !file.Contains(p.Key) || !file.Info(p.Key).Shape.SequenceEqual(p.Value.shape)).Select(p => p.Key)];
        if (faults.Length > 0) throw new CheckpointException(path, $"it does not fit the model: {string.Join(", ", faults)} are missing or have another shape.");
        _model.LoadPretrained(folder);
        foreach (var (_, map) in _maps) TransformOf(map).mask.copy_(map.weight.ne(0));
        foreach (var (name, value) in own) file.ReadInto(name, value);
    }

    /// <summary>Takes the scores away, and leaves all weights.</summary>
    public void Dispose()
    {
        foreach (var (_, map) in _maps)
        {
            if (map.Transform is not MovementProjection transform) continue;
            map.Transform = null;
            transform.Dispose();
        }
    }

    private void Choose(TrainingRun run)
    {
        double sparsity = Schedule.At(run.Step);
        foreach (var (_, map) in _maps)
        {
            MovementProjection transform = TransformOf(map);
            Tensor scores = run.Parameters.Find(transform.scores, run.Parameters.Master) ?? transform.scores;
            transform.mask.copy_(PruningMasks.Lowest(scores.reshape(-1), PruningMasks.Count(scores.numel(), sparsity)).logical_not().view(scores.shape));
        }
    }

    private static MovementProjection TransformOf(Projection map) => map.Transform as MovementProjection ?? throw new InvalidOperationException("The movement pruning is finished.");
}
