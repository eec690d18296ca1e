using System.Diagnostics;
using Microsoft.Extensions.Logging;
using PreTrain.Objectives;
using PreTrain.Optimization;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Training;

/// <summary>Forward and backward over the batches of a step, in as many pieces as memory asks for. The loss is the same, whatever the pieces.</summary>
internal sealed class GradientPass<TModel>(TModel model, IObjective<TModel> objective, TrainingWeights weights, RandomStreams streams, TrainingOptions options, ILogger log) where TModel : class
{
    private const string Dropout = "dropout";

    /// <summary>Computes the gradient of a step.</summary>
    /// <param name="run">The training, whose micro-batches become smaller where memory is not enough.</param>
    /// <param name="batches">The step's batches.</param>
    /// <exception cref="InsufficientMemoryException">Not even one row fits, or the rows cannot be separated.</exception>
    internal StepGradient Compute(TrainingRun run, Batch[] batches)
    {
        if (!run.MicroBatches.IsKnown) Choose(run, batches[0]);
        while (true)
        {
            try
            {
                return ComputeAtOnce(run, batches);
            }
            catch (Exception e) when (MemoryFaults.IsOutOfMemory(e))
            {
                weights.Parameters.DropGradient();   // of the pieces before, and of what the failed one has reached
                Halve(run, batches.Max(batch => batch.Rows), batches[0].Length, e);
            }
        }
    }

    private StepGradient ComputeAtOnce(TrainingRun run, Batch[] batches)
    {
        long targets = Math.Max(1, batches.Sum(batch => batch.ValidTargets));
        bool accumulates = batches.Length > 1 || Pieces(run, batches[0]).Count > 1 || options.Precision == Precision.Float16;
        double scale = run.LossScale, firstNorm = 0;
        var losses = new Tensor[batches.Length];
        for (int i = 0; i < batches.Length; i++)
        {
            long number = (long)run.Step * batches.Length + i;
            losses[i] = Backward(Pieces(run, batches[i]), targets, scale, number, accumulates);
            if (i == 0 && options.MeasureGradientNoise) firstNorm = weights.Optimizer.GradientNorm() / scale;
        }
        if (scale != 1) weights.Parameters.ScaleGradient(1 / scale);
        double loss = losses.Length == 1 ? losses[0].item<float>() : stack(losses).sum().item<float>();
        return new StepGradient(loss, weights.Optimizer.GradientNorm(), firstNorm, targets, () => [.. losses.Select(l => (double)l.item<float>())]);
    }

    /// <summary>A batch's share of the step's loss; its gradients are added to those of the others.</summary>
    private Tensor Backward(IReadOnlyList<Batch> pieces, double targets, double scale, long number, bool accumulates)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor? sum = null;
        for (int p = 0; p < pieces.Count; p++)
        {
            using DisposeScope piece = NewDisposeScope();
            long seed = streams.SeedOf(Dropout, number);
            using Generator _ = manual_seed(p == 0 ? seed : new RandomStreams(seed).SeedOf(Dropout, p));
            Tensor loss = objective.Loss(model, pieces[p], targets);
            (scale == 1 ? loss : loss * scale).backward();
            weights.Parameters.Collect(accumulates);
            Tensor value = loss.detach();
            sum = piece.MoveToOuter(sum is null ? value : sum + value);
        }
        return scope.MoveToOuter(sum!);
    }

    private IReadOnlyList<Batch> Pieces(TrainingRun run, Batch batch) => objective.CanSplit ? run.MicroBatches.Split(batch) : [batch];

    private void Halve(TrainingRun run, int largest, int length, Exception fault)
    {
        int rows = Math.Min(run.MicroBatches.Rows, largest);
        if (rows == 1)
        {
            throw new InsufficientMemoryException($"A single row of {length} tokens does not fit into memory: {fault.Message} Use a shorter context, a smaller model, "
                + "Precision BFloat16, recomputation of activations, or an optimizer with a smaller state.", fault);
        }
        if (!objective.CanSplit)
        {
            throw new InsufficientMemoryException($"A batch of {rows} rows does not fit into memory: {fault.Message} The objective '{objective.Name}' compares rows with each other, so that its "
                + $"batches cannot be cut. Use a smaller {nameof(options.BatchSize)}, a shorter context or a smaller model.", fault);
        }
        run.MicroBatches.Limit((rows + 1) / 2);
        log.LogWarning("Step {Step}: memory is not enough for {Rows} rows at once; from now on there are at most {Fewer}, and the loss is the same. ({Fault})",
            run.Step + 1, rows, run.MicroBatches.Rows, fault.Message.Split('\n')[0]);
    }

    /// <summary>Finds the pieces that take the least time, by the first batch, from the smallest to the largest that memory seems to be enough for.</summary>
    private void Choose(TrainingRun run, Batch batch)
    {
        int chosen = MicroBatches.All;
        // Times differ from run to run.
        if (objective.CanSplit && !options.Deterministic) chosen = Fastest(run, batch);
        run.MicroBatches.Choose(chosen);
        log.LogInformation("Micro-batches of {Rows} of {BatchSize} rows.", Math.Min(chosen, batch.Rows), batch.Rows);
    }

    private int Fastest(TrainingRun run, Batch batch)
    {
        (int Rows, TimeSpan Time)? best = null;
        long peak = 0;
        foreach (int rows in run.MicroBatches.Candidates(batch.Rows))
        {
            if (best is not null && 2 * peak > FreeBytes()) break;   // twice the rows take at most twice the memory
            try
            {
                long before = Environment.WorkingSet;
                Batch[] piece = [batch.Split(rows)[0]];
                run.MicroBatches.Choose(rows);
                Time(run, piece);   // what happens once happens here
                peak = PeakBytes() - before;
                TimeSpan time = Time(run, [batch]);
                if (best is null || time < best.Value.Time) best = (rows, time);
            }
            catch (Exception e) when (MemoryFaults.IsOutOfMemory(e))
            {
                weights.Parameters.DropGradient();
                return best?.Rows ?? rows;   // what the step halves, where not even the fewest fit
            }
        }
        return best!.Value.Rows;
    }

    private TimeSpan Time(TrainingRun run, Batch[] batches)
    {
        using DisposeScope scope = NewDisposeScope();
        var clock = Stopwatch.StartNew();
        ComputeAtOnce(run, batches);   // its numbers are read, so that the device has finished
        TimeSpan took = clock.Elapsed;
        weights.Parameters.DropGradient();
        return took;
    }

    private static long PeakBytes()
    {
        using var process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64;
    }

    private static long FreeBytes()
    {
        GC.Collect(0, GCCollectionMode.Forced, blocking: true);   // the numbers are those of the last collection
        GCMemoryInfo memory = GC.GetGCMemoryInfo();
        return memory.TotalAvailableMemoryBytes - memory.MemoryLoadBytes;
    }
}
