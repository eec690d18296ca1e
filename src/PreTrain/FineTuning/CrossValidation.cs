using PreTrain.Data;

namespace PreTrain.FineTuning;

/// <summary>
/// k-fold cross-validation (Stone 1974; stratified, Kohavi 1995, "A Study of Cross-Validation and Bootstrap for Accuracy Estimation and Model Selection", section 2): each text is measured once, by a model that was
/// trained on the others. Every fold has each class in the share of the whole, and what comes from one place (<see cref="LabelledText.Group"/>) is in one fold.
/// </summary>
public static class CrossValidation
{
    /// <summary>Cuts texts into folds.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="folds">How many, k, at least 2.</param>
    /// <param name="seed">Decides which texts come into which fold.</param>
    /// <exception cref="ArgumentException">There are fewer groups of texts than folds.</exception>
    public static IReadOnlyList<Fold> Folds(LabelledTexts texts, int folds, long seed = 0)
    {
        ArgumentNullException.ThrowIfNull(texts);
        if (folds < 2) throw new ArgumentException($"folds ({folds}) must be at least 2.", nameof(folds));
        int[][] groups = [.. Enumerable.Range(0, texts.Count).GroupBy(i => texts.Examples[i].Group ?? $"\0{i}").Select(group => group.ToArray())];
        if (groups.Length < folds) throw new ArgumentException($"folds ({folds}) must be at most the {groups.Length} groups of texts that can be told apart; take fewer folds, or more texts.", nameof(folds));
        var order = new IndexPermutation(groups.Length, unchecked((ulong)seed));
        int labels = texts.Labels?.Count ?? 1;
        var counts = new int[folds, labels];
        var sizes = new int[folds];
        var fold = new int[texts.Count];
        // Large groups first, in a random order among equals; each goes where its classes lack most, and among equals to the smallest fold.
        foreach (int[] group in Enumerable.Range(0, groups.Length).Select(place => groups[order[place]]).OrderByDescending(group => group.Length))
        {
            int best = Enumerable.Range(0, folds).OrderBy(f => group.Sum(i => LabelsOf(i).Sum(label => counts[f, label]))).ThenBy(f => sizes[f]).First();
            foreach (int i in group)
            {
                fold[i] = best;
                sizes[best]++;
                foreach (int label in LabelsOf(i)) counts[best, label]++;
            }
        }
        LabelledTexts Part(int number, bool test) => new([.. texts.Examples.Where((_, i) => fold[i] == number == test)], texts.Labels, texts.Task);
        return [.. Enumerable.Range(0, folds).Select(number => new Fold(number, Part(number, false), Part(number, true)))];

        IReadOnlyList<int> LabelsOf(int i) => texts.Task == ClassificationTask.Regression ? [0] : texts.Examples[i].Labels;
    }

    /// <summary>Trains and measures on each fold.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="folds">How many, k, at least 2.</param>
    /// <param name="score">Trains a new model on a fold's texts, and measures it on its others.</param>
    /// <param name="seed">Decides which texts come into which fold.</param>
    /// <exception cref="ArgumentException">There are fewer groups of texts than folds.</exception>
    public static CrossValidationResult Run(LabelledTexts texts, int folds, Func<Fold, double> score, long seed = 0)
    {
        ArgumentNullException.ThrowIfNull(score);
        return new([.. Folds(texts, folds, seed).Select(score)]);
    }
}
