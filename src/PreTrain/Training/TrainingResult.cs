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

    /// <summary>The last evaluation; null if nothing is held out or no evaluation took place.</summary>
    public required EvaluationResult? Validation { get; init; }

    /// <summary>The loss of the last evaluation; null if nothing is held out or no evaluation took place.</summary>
    public double? ValidationLoss => Validation?.Loss;

    /// <summary>The lowest loss of an evaluation; null unless <see cref="TrainingOptions.SavedModel"/> asks for the best weights.</summary>
    public double? BestValidationLoss { get; init; }

    /// <summary>The step whose weights were saved.</summary>
    public required int ModelStep { get; init; }

    /// <summary>Steps whose loss or gradient could not be trusted and was not used, those before a resumed checkpoint included.</summary>
    public required int Faults { get; init; }

    /// <summary>Targets per second of training, without evaluations and checkpoints, in this process; 0 if it made no step.</summary>
    public required double TokensPerSecond { get; init; }

    /// <summary>The most memory that the process has held at any time, in bytes.</summary>
    public required long PeakMemoryBytes { get; init; }

    /// <summary>The duration of this call in seconds.</summary>
    public required double Seconds { get; init; }

    /// <summary>The full path of the run's folder.</summary>
    public required string Output { get; init; }

    /// <summary>Whether it ended before its last step because it was cancelled. The checkpoint for <see cref="TrainingOptions.Resume"/> is written; before the first step there is none, and the folder is what it was.</summary>
    public required bool Interrupted { get; init; }

    /// <summary>Whether it ended before its last step because the loss on the held-out data no longer fell.</summary>
    public bool StoppedEarly { get; init; }

    /// <summary>The folder of the model that was saved: <c>model</c> in <see cref="Output"/>.</summary>
    public string ModelFolder => Path.Combine(Output, RunFolder.ModelName);
}
