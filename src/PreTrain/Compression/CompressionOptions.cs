using Microsoft.Extensions.Logging;
using PreTrain.Training;

namespace PreTrain.Compression;

/// <summary>Where the stages of a recipe are kept, and what happens around them.</summary>
public sealed record CompressionOptions
{
    /// <summary>The folder for the stages, <c>compression.json</c> and <c>report.html</c>. What is finished in it is not done again.</summary>
    public required string Output { get; init; }

    /// <summary>Whether the stages of another recipe in <see cref="Output"/> are deleted, from the first that differs on; of another model or text, all.</summary>
    /// <value>The default is false.</value>
    public bool Overwrite { get; init; }

    /// <summary>What all randomness follows from.</summary>
    /// <value>The default is 0.</value>
    public long Seed { get; init; }

    /// <summary>How often a batch is timed; the median counts.</summary>
    /// <value>The default is 7.</value>
    public int TimingRounds { get; init; } = 7;

    /// <summary>Steps between two checkpoints of a training.</summary>
    /// <value>The default is 200.</value>
    public int CheckpointEvery { get; init; } = 200;

    /// <summary>Takes part in each training, such as to show its progress.</summary>
    /// <value>The default is none.</value>
    public IReadOnlyList<ITrainingCallback> Callbacks { get; init; } = [];

    /// <summary>Told about each stage; null for nobody.</summary>
    /// <value>The default is null.</value>
    public ILogger? Logger { get; init; }

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">A property is out of range.</exception>
    public void Validate()
    {
        if (string.IsNullOrWhiteSpace(Output)) throw new ArgumentException($"{nameof(Output)} must name a folder.");
        if (TimingRounds < 1) throw new ArgumentException($"{nameof(TimingRounds)} ({TimingRounds}) must be at least 1.");
        if (CheckpointEvery < 1) throw new ArgumentException($"{nameof(CheckpointEvery)} ({CheckpointEvery}) must be at least 1.");
    }
}
