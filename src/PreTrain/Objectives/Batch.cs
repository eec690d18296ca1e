namespace PreTrain.Objectives;

/// <summary>What one micro-batch is made of, in plain memory: it was prepared off the training thread.</summary>
public sealed class Batch
{
    /// <summary>Token ids, row by row: <see cref="Rows"/> × <see cref="Length"/>.</summary>
    public required long[] Inputs { get; init; }

    /// <summary>The targets, in the same order; <see cref="Modules.CrossEntropy.Ignored"/> where a position does not count.</summary>
    public required long[] Targets { get; init; }

    /// <summary>Sequences.</summary>
    public required int Rows { get; init; }

    /// <summary>Tokens of a sequence.</summary>
    public required int Length { get; init; }

    /// <summary>Positions that count.</summary>
    public required long ValidTargets { get; init; }
}
