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

    /// <summary>The longest source in tokens, of a model that reads one; the rest is cut off, as in training. Null for the model's context.</summary>
    /// <value>The default is null.</value>
    public int? MaxSourceLength { get; init; }

    /// <summary>Texts that are written side by side.</summary>
    /// <value>The default is 16.</value>
    public int BatchSize { get; init; } = 16;
}
