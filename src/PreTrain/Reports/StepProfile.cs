using PreTrain.Torch;

namespace PreTrain.Reports;

/// <summary>Where the time of some steps went, by operator of torch.</summary>
public sealed record StepProfile
{
    /// <summary>The first step that was measured, from 1.</summary>
    public required int FirstStep { get; init; }

    /// <summary>How many were.</summary>
    public required int Steps { get; init; }

    /// <summary>What they took in seconds, with what lay between them.</summary>
    public required double Seconds { get; init; }

    /// <summary>The operators, those with the most time of their own first.</summary>
    public required IReadOnlyList<OperatorTime> Operators { get; init; }

    /// <summary>The time in no operator: kernels in C#, the optimizer where it is one, the preparation of data, and .NET itself. Operators of several threads may overlap; then it is 0.</summary>
    public double OutsideSeconds => Math.Max(0, Seconds - Operators.Sum(o => o.SelfSeconds));
}
