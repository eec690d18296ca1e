using System.Text.Json.Nodes;
using PreTrain.Optimization;
using PreTrain.Torch;

namespace PreTrain.Training;

/// <summary>How far a run is, without its tensors: all that goes back when a checkpoint is gone back to.</summary>
internal sealed class TrainingProgress
{
    private const int RecentSteps = 20;
    private readonly Queue<double> _recentLosses;

    internal TrainingProgress(TrainingOptions options, CheckpointState? state)
    {
        JsonObject? Part(string name) => state?.Parts.GetValueOrDefault(name);
        (Step, Tokens, _recentLosses) = (state?.Step ?? 0, state?.Tokens ?? 0, new Queue<double>(state?.RecentLosses ?? []));
        if (Part("validation") is { } validation)
            Validation = new(validation["loss"]?.GetValue<double>() ?? double.NaN, validation["accuracy"]?.GetValue<double>(), validation["targets"]!.GetValue<long>());
        if (Part("best") is { } best) Best = (best["step"]!.GetValue<int>(), best["loss"]!.GetValue<double>());
        Plateau = options.Plateau is null ? null : new ReduceOnPlateau(options.Plateau, Part("plateau"));
        Noise = options.MeasureGradientNoise ? new GradientNoiseScale(state: Part("gradientNoise")) : null;
        EarlyStopping = options.EarlyStopping is null ? null : new EarlyStopping(options.EarlyStopping, Part("earlyStopping"));
        Scaler = options.Precision == Precision.Float16 ? new LossScaler(Part("lossScale")) : null;
    }

    internal int Step { get; private set; }

    internal long Tokens { get; private set; }

    internal EvaluationResult? Validation { get; private set; }

    /// <summary>The step and the loss of the best evaluation; null where none is kept.</summary>
    internal (int Step, double Loss)? Best { get; set; }

    internal ReduceOnPlateau? Plateau { get; }

    internal GradientNoiseScale? Noise { get; }

    internal EarlyStopping? EarlyStopping { get; }

    internal LossScaler? Scaler { get; }

    internal IReadOnlyCollection<double> RecentLosses => _recentLosses;

    internal IEnumerable<(string Name, JsonObject? State)> Parts =>
    [
        ("validation", Validation is null ? null : new() { ["loss"] = double.IsFinite(Validation.Loss) ? Validation.Loss : null, ["accuracy"] = Validation.Accuracy, ["targets"] = Validation.Targets }),
        ("best", Best is { } best ? new() { ["step"] = best.Step, ["loss"] = best.Loss } : null),
        ("plateau", Plateau?.State), ("gradientNoise", Noise?.State), ("earlyStopping", EarlyStopping?.State), ("lossScale", Scaler?.State),
    ];

    /// <summary>Takes a completed step in.</summary>
    internal void Complete(long targets, double loss)
    {
        (Step, Tokens) = (Step + 1, Tokens + targets);
        _recentLosses.Enqueue(loss);
        if (_recentLosses.Count > RecentSteps) _recentLosses.Dequeue();
        Scaler?.Accept();
    }

    /// <summary>Takes an evaluation in.</summary>
    internal void Observe(EvaluationResult evaluation)
    {
        Validation = evaluation;
        Plateau?.Observe(evaluation.Loss);
        EarlyStopping?.Observe(evaluation.Loss);
    }
}
