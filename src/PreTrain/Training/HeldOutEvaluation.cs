using PreTrain.Modules;
using PreTrain.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Training;

/// <summary>Measures models on what an objective holds out, without dropout and gradients.</summary>
public static class HeldOutEvaluation
{
    private const int MostTokens = 1 << 15;   // in memory at once, unless a row has more

    /// <summary>Measures a model.</summary>
    /// <param name="objective">What it is measured by.</param>
    /// <param name="model">The model; it is left in the mode that it is in.</param>
    /// <param name="batchSize">Rows of a batch. Of long ones fewer are computed together, with the same result but for rounding.</param>
    /// <param name="batches">The most batches; 0 for all.</param>
    /// <param name="cancellationToken">Stops between two batches.</param>
    /// <returns>The measures; null where nothing is held out.</returns>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="batchSize"/> is not positive, or <paramref name="batches"/> is negative.</exception>
    public static EvaluationResult? Evaluate<TModel>(this IObjective<TModel> objective, TModel model, int batchSize = 16, int batches = 0, CancellationToken cancellationToken = default) where TModel : class
    {
        ArgumentNullException.ThrowIfNull(objective);
        ArgumentNullException.ThrowIfNull(model);
        if (batchSize < 1) throw new ArgumentOutOfRangeException(nameof(batchSize), batchSize, $"batchSize ({batchSize}) must be at least 1.");
        if (batches < 0) throw new ArgumentOutOfRangeException(nameof(batches), batches, $"batches ({batches}) must be at least 1, or 0 for all.");
        return Evaluate(objective, model, batchSize, batches, batch => objective.CanSplit ? batch.Split(Math.Max(1, MostTokens / Math.Max(1, Math.Max(batch.Length, batch.TargetLength)))) : [batch], cancellationToken);
    }

    /// <summary>Measures a model piece by piece.</summary>
    /// <param name="objective">What it is measured by.</param>
    /// <param name="model">The model.</param>
    /// <param name="batchSize">Rows of a batch.</param>
    /// <param name="batches">The most batches; 0 for all.</param>
    /// <param name="split">Cuts a batch into the pieces that are in memory at once.</param>
    /// <param name="cancellationToken">Stops between two batches.</param>
    internal static EvaluationResult? Evaluate<TModel>(IObjective<TModel> objective, TModel model, int batchSize, int batches, Func<Batch, IReadOnlyList<Batch>> split, CancellationToken cancellationToken = default) where TModel : class
    {
        var module = model as nn.Module;
        bool training = module?.training ?? false;
        module?.eval();
        try
        {
            using IDisposable mode = no_grad();
            using var counter = new TargetCounter();
            double sum = 0;
            long targets = 0;
            foreach (Batch batch in objective.Evaluation(model, batchSize).Take(batches == 0 ? int.MaxValue : batches).Where(batch => batch.ValidTargets > 0))
            {
                cancellationToken.ThrowIfCancellationRequested();
                double loss = 0;
                foreach (Batch piece in split(batch))
                {
                    using DisposeScope scope = NewDisposeScope();
                    loss += objective.Loss(model, piece, batch.ValidTargets).item<float>();
                }
                sum += loss * batch.ValidTargets;
                targets += batch.ValidTargets;
            }
            return targets == 0 ? null : new EvaluationResult(sum / targets, counter.Targets == 0 ? null : (double)counter.Right / counter.Targets, targets);
        }
        finally
        {
            module?.train(training);
        }
    }
}
