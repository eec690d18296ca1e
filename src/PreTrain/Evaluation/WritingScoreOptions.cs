using PreTrain.Generation;

namespace PreTrain.Evaluation;

/// <summary>How <see cref="WritingScores"/> lets a model write.</summary>
public sealed record WritingScoreOptions
{
    /// <summary>How tokens are chosen; one text is written for each source.</summary>
    /// <value>The default takes the most probable token each time, up to 64.</value>
    public GenerationOptions Generation { get; init; } = new() { Temperature = 0 };

    /// <summary>What stands before each source, as in training.</summary>
    /// <value>The default is nothing.</value>
    public string SourcePrefix { get; init; } = "";

    /// <summary>Texts that are written side by side.</summary>
    /// <value>The default is 16.</value>
    public int BatchSize { get; init; } = 16;
}
