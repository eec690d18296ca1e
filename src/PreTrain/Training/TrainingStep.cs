namespace PreTrain.Training;

/// <summary>What one step of training came to.</summary>
public sealed record TrainingStep
{
    /// <summary>The step, from 1.</summary>
    public required int Step { get; init; }

    /// <summary>Targets so far, those of this step included.</summary>
    public required long Tokens { get; init; }

    /// <summary>The mean loss over the step's targets, before the update.</summary>
    public required double Loss { get; init; }

    /// <summary>The norm of all gradients before clipping.</summary>
    public required double GradientNorm { get; init; }

    /// <summary>The learning rate of the update.</summary>
    public required double LearningRate { get; init; }

    /// <summary>The estimate of the gradient's noise scale in targets; null unless <see cref="TrainingOptions.MeasureGradientNoise"/> is set, and before there is an estimate.</summary>
    public double? GradientNoiseScale { get; init; }

    /// <summary>The step's targets per second.</summary>
    public required double TokensPerSecond { get; init; }

    /// <summary>The tokens that went through the model in the step, predicted or not, padding included.</summary>
    public long InputTokens { get; init; }

    /// <summary>What the step took in seconds, from drawing its batches to the new weights.</summary>
    public double TrainingSeconds { get; init; }

    /// <summary>Seconds since the call of <c>Run</c>.</summary>
    public required double Seconds { get; init; }
}
