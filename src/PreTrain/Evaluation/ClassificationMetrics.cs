namespace PreTrain.Evaluation;

/// <summary>How well classes are predicted, where each text has one; the averages are those of scikit-learn.</summary>
public sealed class ClassificationMetrics
{
    private readonly long[][] _confusion;

    /// <summary>Counts.</summary>
    /// <param name="labels">The true classes, from 0.</param>
    /// <param name="predictions">As many predicted classes.</param>
    /// <param name="classCount">The number of classes.</param>
    /// <exception cref="ArgumentException">There are no labels or another number of predictions, or a class is not below <paramref name="classCount"/>.</exception>
    public ClassificationMetrics(IReadOnlyList<int> labels, IReadOnlyList<int> predictions, int classCount)
    {
        MetricRules.RequirePairs(labels, nameof(labels), predictions, nameof(predictions));
        ArgumentOutOfRangeException.ThrowIfLessThan(classCount, 1);
        _confusion = [.. Enumerable.Range(0, classCount).Select(_ => new long[classCount])];
        for (int i = 0; i < labels.Count; i++)
        {
            foreach (var (name, value) in new[] { (nameof(labels), labels[i]), (nameof(predictions), predictions[i]) })
                if ((uint)value >= (uint)classCount) throw new ArgumentOutOfRangeException(name, value, $"{name}[{i}] ({value}) must be from 0 to {classCount - 1}, the last of {classCount} classes.");
            _confusion[labels[i]][predictions[i]]++;
        }
        Count = labels.Count;
        long[] present = [.. _confusion.Select(row => row.Sum())];
        long[] predicted = [.. Enumerable.Range(0, classCount).Select(c => _confusion.Sum(row => row[c]))];
        long right = Enumerable.Range(0, classCount).Sum(c => _confusion[c][c]);
        Classes = [.. Enumerable.Range(0, classCount).Select(c => ClassScore.Of(_confusion[c][c], predicted[c], present[c]))];
        // A class that occurs nowhere says nothing, and must not pull the mean down.
        ClassScore[] occurring = [.. Classes.Where((_, c) => present[c] + predicted[c] > 0)];
        Accuracy = (double)right / Count;
        Micro = ClassScore.Of(right, Count, Count);
        Macro = ClassScore.Mean(occurring, bySupport: false);
        Weighted = ClassScore.Mean(occurring, bySupport: true);
        Matthews = MatthewsOf(right, Count, predicted, present);
    }

    /// <summary>How many were predicted.</summary>
    public int Count { get; }

    /// <summary>How often each class (row) was predicted as each class (column).</summary>
    public IReadOnlyList<IReadOnlyList<long>> Confusion => _confusion;

    /// <summary>The share of right predictions.</summary>
    public double Accuracy { get; }

    /// <summary>Each class.</summary>
    public IReadOnlyList<ClassScore> Classes { get; }

    /// <summary>All predictions together: precision, recall and F1 are the accuracy.</summary>
    public ClassScore Micro { get; }

    /// <summary>The mean over the classes that occur among labels or predictions, each as much as the next.</summary>
    public ClassScore Macro { get; }

    /// <summary>The mean over the classes, each by its support.</summary>
    public ClassScore Weighted { get; }

    /// <summary>
    /// The correlation of predictions and labels, from −1 to 1, and 0 where one of them is always the same (Matthews 1975; for several classes Gorodkin 2004, "Comparing two K-category
    /// assignments by a K-category correlation coefficient", equation 8).
    /// </summary>
    public double Matthews { get; }

    private static double MatthewsOf(long right, long count, long[] predicted, long[] present)
    {
        double n = count, product = predicted.Zip(present, (p, t) => (double)p * t).Sum();
        double spread = (n * n - predicted.Sum(p => (double)p * p)) * (n * n - present.Sum(t => (double)t * t));
        return spread == 0 ? 0 : (right * n - product) / Math.Sqrt(spread);
    }
}
