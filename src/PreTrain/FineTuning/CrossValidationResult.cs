namespace PreTrain.FineTuning;

/// <summary>What a cross-validation measured.</summary>
/// <param name="Scores">The score of each fold, in order.</param>
public sealed record CrossValidationResult(IReadOnlyList<double> Scores)
{
    /// <summary>The mean of the scores.</summary>
    public double Mean => Scores.Average();

    /// <summary>The standard deviation of the scores, with n − 1 in the denominator.</summary>
    public double Deviation => Math.Sqrt(Scores.Sum(score => (score - Mean) * (score - Mean)) / (Scores.Count - 1));
}
