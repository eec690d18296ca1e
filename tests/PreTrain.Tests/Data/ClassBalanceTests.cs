using PreTrain.Data;

namespace PreTrain.Tests.Data;

public class ClassBalanceTests
{
    private static readonly LabelSet s_labels = new(["a", "b", "c"]);

    [Fact]
    public void Weights_OfCounts_AreTheFormulas()
    {
        LabelledTexts texts = Texts(8, 3, 1);
        Assert.Equal([12.0 / (3 * 8), 12.0 / (3 * 3), 12.0 / (3 * 1)], ClassBalance.InverseFrequencies(texts));
        // Cui et al. 2019: (1 − β) / (1 − βⁿ) is one over 1 + β + … + βⁿ⁻¹.
        double[] numbers = [.. new[] { 8, 3, 1 }.Select(n => 1 / Enumerable.Range(0, n).Sum(i => Math.Pow(0.9, i)))];
        IReadOnlyList<double> weights = ClassBalance.EffectiveNumbers(texts, 0.9);
        for (int k = 0; k < 3; k++) Assert.Equal(3 * numbers[k] / numbers.Sum(), weights[k], 1e-12);
        Assert.Equal([1.0, 1, 1], ClassBalance.EffectiveNumbers(texts, 0));
    }

    [Fact]
    public void Resample_OverAndUnder_HaveAsManyOfEachClass()
    {
        LabelledTexts texts = Texts(8, 3, 1), over = ClassBalance.Resample(texts, ClassSampling.Oversample), under = ClassBalance.Resample(texts, ClassSampling.Undersample);
        Assert.Equal([8, 8, 8], Counts(over));
        Assert.Equal([1, 1, 1], Counts(under));
        Assert.Equal(texts.Examples, over.Examples.Take(12));   // each once first
        Assert.All(over.Examples.Where(e => e.Labels[0] == 1).GroupBy(e => e.Text), same => Assert.InRange(same.Count(), 2, 3));
        Assert.All(under.Examples, e => Assert.Contains(e, texts.Examples));
        Assert.Equal(over.Fingerprint, ClassBalance.Resample(texts, ClassSampling.Oversample).Fingerprint);
        Assert.Same(texts, ClassBalance.Resample(texts, ClassSampling.AsIs));
        Assert.Equal([4, 0, 4], Counts(ClassBalance.Resample(Texts(4, 0, 2), ClassSampling.Oversample)));

        static int[] Counts(LabelledTexts texts) => [.. Enumerable.Range(0, 3).Select(label => texts.Examples.Count(e => e.Labels[0] == label))];
    }

    [Fact]
    public void Resample_ClassOfOneBesideMany_HasItAsOften()
    {
        LabelledTexts over = ClassBalance.Resample(Texts(300_000, 1), ClassSampling.Oversample);
        Assert.Equal(600_000, over.Count);
        Assert.Equal(300_000, over.Examples.Count(e => e.Labels[0] == 1));
    }

    [Fact]
    public void Weights_WhatDoesNotFit_IsRefused()
    {
        Assert.StartsWith("The label 'b' has no example, and so no weight; leave it out of the labels.", Assert.Throws<ArgumentException>(() => ClassBalance.InverseFrequencies(Texts(2, 0, 1))).Message);
        Assert.StartsWith("beta (1) must be at least 0 and below 1.", Assert.Throws<ArgumentOutOfRangeException>(() => ClassBalance.EffectiveNumbers(Texts(2, 1, 1), 1)).Message);
        var several = new LabelledTexts([new() { Text = "x", Labels = [0, 1] }], s_labels, ClassificationTask.MultiLabel);
        Assert.StartsWith("Classes are balanced where each text has one label, and the task is MultiLabel.", Assert.Throws<ArgumentException>(() => ClassBalance.Resample(several, ClassSampling.Oversample)).Message);
    }

    private static LabelledTexts Texts(params int[] counts) => new([.. counts.SelectMany((count, label) => Enumerable.Range(0, count).Select(i => new LabelledText { Text = $"{label} {i}", Labels = [label] }))], s_labels);
}
