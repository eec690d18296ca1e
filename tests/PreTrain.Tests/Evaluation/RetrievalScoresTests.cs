using PreTrain.Evaluation;

namespace PreTrain.Tests.Evaluation;

public sealed class RetrievalScoresTests
{
    [Fact]
    public void Scores_ByHand_AreThose()
    {
        // Ranks of the first right text: 1, 3, none.
        var scores = new RetrievalScores([Set(4), Set(2, 7), Set(9)], [[4, 1, 2], [5, 6, 7, 2], [1, 2]]);
        Assert.Equal((1 + 1.0 / 3) / 3, scores.MeanReciprocalRank, 15);
        Assert.Equal(1.0 / 3, scores.RecallAt(1), 15);
        Assert.Equal((1 + 0.5) / 3, scores.RecallAt(3), 15);
        Assert.Equal((1 + 1.0) / 3, scores.RecallAt(100), 15);
    }

    [Fact]
    public void New_WhatDoesNotFit_SaysWhat()
    {
        Assert.Contains("No text belongs to query 0", Assert.Throws<ArgumentException>(() => new RetrievalScores([Set()], [[1]])).Message, StringComparison.Ordinal);
        Assert.Contains("A text was found twice for query 0", Assert.Throws<ArgumentException>(() => new RetrievalScores([Set(1)], [[2, 2]])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new RetrievalScores([Set(1)], []));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RetrievalScores([Set(1)], [[1]]).RecallAt(0));
    }

    [Fact]
    public void Correlation_OfNumbersWithTies_IsThatOfTheirMeanRanks()
    {
        double[] a = [1, 2, 3, 4, 5, 6, 7], b = [2, 1, 4, 4, 9, 4, 20];
        // Ranks of b: 2, 1, 4, 4, 6, 4, 7.
        double[] ranks = [2, 1, 4, 4, 6, 4, 7];
        Assert.Equal(Correlation.Pearson(a, ranks), Correlation.Spearman(a, b), 15);
        Assert.Equal(23 / Math.Sqrt(28 * 26), Correlation.Spearman(a, b), 12);
        Assert.Equal(-1, Correlation.Spearman(a, [.. a.Select(x => Math.Exp(-x))]), 12);
        Assert.Equal(1, Correlation.Pearson(a, [.. a.Select(x => 3 * x - 7)]), 12);
        Assert.Contains("nothing goes together", Assert.Throws<ArgumentException>(() => Correlation.Pearson(a, [1, 1, 1, 1, 1, 1, 1])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Correlation.Spearman(a, [1]));
    }

    private static IReadOnlySet<int> Set(params int[] items) => items.ToHashSet();
}
