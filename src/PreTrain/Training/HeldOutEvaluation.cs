using PreTrain.Modules;
using PreTrain.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Training;

/// <summary>Measures a model on the held-out batches, without dropout and gradients.</summary>
/// <param name="model">The model.</param>
/// <param name="objective">What it is measured by.</param>
/// <param name="batchSize">Rows of a batch.</param>
/// <param name="limit">The most batches; 0 for all.</param>
internal sealed class HeldOutEvaluation<TModel>(TModel model, IObjective<TModel> objective, int batchSize, int limit) where TModel : nn.Module
{
    /// <summary>Measures.</summary>
    /// <param name="split">Cuts a batch into the pieces that are in memory at once.</param>
    /// <returns>Null if there are no targets.</returns>
    internal EvaluationResult? Measure(Func<Batch, IReadOnlyList<Batch>> split)
    {
        bool training = model.training;
        model.eval();
        try
        {
            using IDisposable mode = no_grad();
            using var counter = new TargetCounter();
            double sum = 0;
            long targets = 0;
            foreach (Batch batch in objective.Evaluation(model, batchSize).Take(limit == 0 ? int.MaxValue : limit).Where(batch => batch.ValidTargets > 0))
            {
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
            model.train(training);
        }
    }
}
