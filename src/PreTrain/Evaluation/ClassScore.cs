namespace PreTrain.Evaluation;

/// <summary>How well one class is found, or several of them on average. What would be divided by zero is 0.</summary>
/// <param name="Precision">The share of what was predicted that is right.</param>
/// <param name="Recall">The share of what there is that was predicted.</param>
/// <param name="F1">The harmonic mean of both; in an average over classes, the mean of theirs.</param>
/// <param name="Support">How many there are.</param>
public sealed record ClassScore(double Precision, double Recall, double F1, long Support)
{
    internal static ClassScore Of(long right, long predicted, long present)
    {
        double precision = Ratio(right, predicted), recall = Ratio(right, present);
        return new(precision, recall, Ratio(2.0 * right, predicted + present), present);
    }

    /// <summary>The mean of all: each as much as the next, or each by its support.</summary>
    internal static ClassScore Mean(IEnumerable<ClassScore> all, bool bySupport)
    {
        ClassScore[] scores = [.. all];
        double weight = bySupport ? scores.Sum(s => s.Support) : scores.Length;
        double Of(Func<ClassScore, double> value) => Ratio(scores.Sum(s => value(s) * (bySupport ? s.Support : 1)), weight);
        return new(Of(s => s.Precision), Of(s => s.Recall), Of(s => s.F1), scores.Sum(s => s.Support));
    }

    private static double Ratio(double part, double whole) => whole == 0 ? 0 : part / whole;
}
