namespace PreTrain.Training;

/// <summary>What a training came to.</summary>
public sealed record TrainingResult
{
    /// <summary>Updates of the weights, those before a resumed checkpoint included.</summary>
    public required int Steps { get; init; }

    /// <summary>Targets that were trained on, those before a resumed checkpoint included.</summary>
    public required long Tokens { get; init; }

    /// <summary>The mean loss of the last steps, at most 20; NaN if there was none.</summary>
    public required double TrainLoss { get; init; }

    /// <summary>The loss of the last evaluation; null if nothing is held out or no evaluation took place.</summary>
    public required double? ValidationLoss { get; init; }

    /// <summary>Targets per second of training, without evaluations and checkpoints, in this process; 0 if it made no step.</summary>
    public required double TokensPerSecond { get; init; }

    /// <summary>The most memory that the process has held at any time, in bytes.</summary>
    public required long PeakMemoryBytes { get; init; }

    /// <summary>The duration of this call in seconds.</summary>
    public required double Seconds { get; init; }

    /// <summary>The full path of the run's folder.</summary>
    public required string Output { get; init; }

    /// <summary>Whether it ended before its last step because it was cancelled. The checkpoint for <see cref="TrainingOptions.Resume"/> is written.</summary>
    public required bool Interrupted { get; init; }

    /// <summary>The folder of the model that was saved: <c>model</c> in <see cref="Output"/>.</summary>
    public string ModelFolder => Path.Combine(Output, RunFolder.ModelName);
}
