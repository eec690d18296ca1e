using System.Diagnostics.Metrics;

namespace PreTrain.Training;

/// <summary>Publishes the training through the meter <c>PreTrain</c>, for OpenTelemetry, dotnet-counters and the like.</summary>
internal sealed class MeterCallback : ITrainingCallback
{
    private static readonly Meter s_meter = new("PreTrain");
    private static readonly Gauge<double> s_loss = s_meter.CreateGauge<double>("pretrain.training.loss", "{nat}", "Mean loss of the step.");
    private static readonly Gauge<double> s_speed = s_meter.CreateGauge<double>("pretrain.training.tokens_per_second", "{token}/s", "Targets per second of the step.");
    private static readonly Gauge<double> s_rate = s_meter.CreateGauge<double>("pretrain.training.learning_rate", null, "Learning rate of the step.");
    private static readonly Gauge<double> s_norm = s_meter.CreateGauge<double>("pretrain.training.gradient_norm", null, "Norm of all gradients before clipping.");
    private static readonly Gauge<double> s_validation = s_meter.CreateGauge<double>("pretrain.training.validation_loss", "{nat}", "Mean loss on the held-out data.");
    private static readonly Gauge<double> s_accuracy = s_meter.CreateGauge<double>("pretrain.training.validation_accuracy", null, "Share of the held-out targets that are predicted.");
    private static readonly Counter<long> s_faults = s_meter.CreateCounter<long>("pretrain.training.faults", "{step}", "Steps whose loss or gradient could not be trusted.");

    public void OnStep(TrainingRun run, TrainingStep step)
    {
        s_loss.Record(step.Loss);
        s_speed.Record(step.TokensPerSecond);
        s_rate.Record(step.LearningRate);
        s_norm.Record(step.GradientNorm);
    }

    public void OnEvaluation(TrainingRun run, EvaluationResult evaluation)
    {
        s_validation.Record(evaluation.Loss);
        if (evaluation.Accuracy is { } accuracy) s_accuracy.Record(accuracy);
    }

    public void OnFault(TrainingRun run, TrainingFault fault) => s_faults.Add(1);
}
