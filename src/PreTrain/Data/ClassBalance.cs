namespace PreTrain.Data;

/// <summary>What is done where some classes have many more examples than others.</summary>
public static class ClassBalance
{
    private const ulong Purpose = 0x62616C616E6365;

    /// <summary>Weights for <c>ClassWeights</c> that are the inverse of the classes' shares: n / (K·n_k), where the mean over all examples is 1.</summary>
    /// <param name="texts">Texts with one label each; every label must occur.</param>
    /// <exception cref="ArgumentException">A text can have other than one label, or a label does not occur.</exception>
    public static IReadOnlyList<double> InverseFrequencies(LabelledTexts texts)
    {
        int[] counts = Counts(texts, all: true);
        return [.. counts.Select(count => (double)texts.Count / (counts.Length * (double)count))];
    }

    /// <summary>
    /// Weights for <c>ClassWeights</c> by the effective number of examples: (1 − β) / (1 − β^n_k), scaled to sum to the number of classes (Cui et al. 2019, "Class-Balanced Loss Based on Effective Number of
    /// Samples", section 4).
    /// </summary>
    /// <param name="texts">Texts with one label each; every label must occur.</param>
    /// <param name="beta">From 0, where all are alike, to below 1, near which they are the inverse of the shares.</param>
    /// <exception cref="ArgumentException">A text can have other than one label, a label does not occur, or <paramref name="beta"/> is out of range.</exception>
    public static IReadOnlyList<double> EffectiveNumbers(LabelledTexts texts, double beta = 0.999)
    {
        if (!(beta >= 0 && beta < 1)) throw new ArgumentOutOfRangeException(nameof(beta), beta, $"beta ({beta}) must be at least 0 and below 1.");
        double[] weights = [.. Counts(texts, all: true).Select(count => (1 - beta) / (1 - Math.Pow(beta, count)))];
        double sum = weights.Sum();
        return [.. weights.Select(weight => weight * weights.Length / sum)];
    }

    /// <summary>Repeats or leaves out examples. Hold texts out first: a repeated one must not be on both sides.</summary>
    /// <param name="texts">Texts with one label each.</param>
    /// <param name="sampling">How.</param>
    /// <returns>The texts in their order, and behind them those that are repeated.</returns>
    /// <exception cref="ArgumentException">A text can have other than one label.</exception>
    public static LabelledTexts Resample(LabelledTexts texts, ClassSampling sampling)
    {
        ArgumentNullException.ThrowIfNull(texts);
        if (!Enum.IsDefined(sampling)) throw new ArgumentOutOfRangeException(nameof(sampling), sampling, $"sampling ({sampling}) must be AsIs, Oversample or Undersample.");
        if (sampling == ClassSampling.AsIs) return texts;
        int[] counts = Counts(texts, all: false);
        int wanted = sampling == ClassSampling.Oversample ? counts.Max() : counts.Where(count => count > 0).Min();
        int[][] classes = [.. Enumerable.Range(0, counts.Length).Select(label => Enumerable.Range(0, texts.Count).Where(i => texts.Examples[i].Labels[0] == label).ToArray())];
        var times = new int[texts.Count];
        for (int label = 0; label < classes.Length; label++)
        {
            int[] own = classes[label];
            if (own.Length == 0) continue;
            var order = new IndexPermutation(own.Length, SplitMix.Mix(Purpose, (ulong)label, 0));
            for (int i = 0; i < wanted; i++) times[own[order[i % own.Length]]]++;
        }
        var chosen = new List<LabelledText>();
        int[] rest = [.. Enumerable.Range(0, texts.Count).Where(i => times[i] > 0)];
        for (int round = 1; rest.Length > 0; round++)
        {
            chosen.AddRange(rest.Select(i => texts.Examples[i]));
            rest = [.. rest.Where(i => times[i] > round)];
        }
        return new(chosen, texts.Labels, texts.Task);
    }

    /// <summary>How many examples each class has.</summary>
    internal static int[] Counts(LabelledTexts texts, bool all)
    {
        ArgumentNullException.ThrowIfNull(texts);
        if (texts.Task != ClassificationTask.SingleLabel) throw new ArgumentException($"Classes are balanced where each text has one label, and the task is {texts.Task}.", nameof(texts));
        var counts = new int[texts.Labels!.Count];
        foreach (LabelledText example in texts.Examples) counts[example.Labels[0]]++;
        if (all && Array.IndexOf(counts, 0) is >= 0 and var empty) throw new ArgumentException($"The label '{texts.Labels[empty]}' has no example, and so no weight; leave it out of the labels.", nameof(texts));
        return counts;
    }
}
