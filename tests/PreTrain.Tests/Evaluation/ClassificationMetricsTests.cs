using PreTrain.Evaluation;

namespace PreTrain.Tests.Evaluation;

public sealed class ClassificationMetricsTests
{
    [Fact]
    public void Constructor_ThreeClasses_CountsAsByHand()
    {
        var metrics = new ClassificationMetrics(labels: [0, 1, 2, 0, 1, 2, 2], predictions: [0, 2, 1, 0, 0, 2, 2], classCount: 3);

        Assert.Equal([[2L, 0, 0], [1, 0, 1], [0, 1, 2]], metrics.Confusion);
        Assert.Equal(4.0 / 7, metrics.Accuracy, 15);
        Assert.Equal(new ClassScore(2.0 / 3, 1, 4.0 / 5, 2), metrics.Classes[0]);
        Assert.Equal(new ClassScore(0, 0, 0, 2), metrics.Classes[1]);
        Assert.Equal(new ClassScore(2.0 / 3, 2.0 / 3, 4.0 / 6, 3), metrics.Classes[2]);
        Assert.Equal(4.0 / 7, metrics.Micro.F1, 15);
        Assert.Equal((4.0 / 5 + 0 + 2.0 / 3) / 3, metrics.Macro.F1, 15);
        Assert.Equal((2 * 4.0 / 5 + 3 * 2.0 / 3) / 7, metrics.Weighted.F1, 15);
        Assert.Equal((4.0 * 7 - (3 * 2 + 1 * 2 + 3 * 3)) / Math.Sqrt((49.0 - 19) * (49 - 17)), metrics.Matthews, 15);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public void Constructor_RandomClasses_EqualsDefinitionsOverPairs(int classCount)
    {
        var random = new Random(7);
        int[] labels = [.. Enumerable.Range(0, 211).Select(_ => random.Next(classCount))];
        int[] predictions = [.. labels.Select(label => random.NextDouble() < 0.6 ? label : random.Next(classCount))];
        var metrics = new ClassificationMetrics(labels, predictions, classCount);

        for (int c = 0; c < classCount; c++)
        {
            double both = labels.Zip(predictions).Count(p => p.First == c && p.Second == c);
            double precision = both / predictions.Count(p => p == c), recall = both / labels.Count(l => l == c);
            Assert.Equal(precision, metrics.Classes[c].Precision, 14);
            Assert.Equal(recall, metrics.Classes[c].Recall, 14);
            Assert.Equal(2 * precision * recall / (precision + recall), metrics.Classes[c].F1, 14);
        }
        Assert.Equal(Covariance(labels, predictions) / Math.Sqrt(Covariance(labels, labels) * Covariance(predictions, predictions)), metrics.Matthews, 13);

        // Gorodkin's definition: the covariance of indicator vectors, summed over the classes.
        double Covariance(int[] x, int[] y) => Enumerable.Range(0, classCount).Sum(c =>
        {
            double meanX = x.Average(v => v == c ? 1.0 : 0), meanY = y.Average(v => v == c ? 1.0 : 0);
            return x.Zip(y).Sum(p => ((p.First == c ? 1 : 0) - meanX) * ((p.Second == c ? 1 : 0) - meanY));
        });
    }

    [Fact]
    public void Macro_ClassThatOccursNowhere_IsLeftOut() => Assert.Equal(1, new ClassificationMetrics([0, 1], [0, 1], classCount: 3).Macro.F1);

    [Fact]
    public void Matthews_OnePredictionForAll_IsZero() => Assert.Equal(0, new ClassificationMetrics([0, 1, 1], [1, 1, 1], 2).Matthews);

    [Fact]
    public void Constructor_WrongInput_SaysWhatIsWrong()
    {
        Assert.Contains("predictions (1) must be as many as labels (2).", Assert.Throws<ArgumentException>(() => new ClassificationMetrics([0, 1], [0], 2)).Message);
        Assert.Contains("predictions[1] (2) must be from 0 to 1", Assert.Throws<ArgumentOutOfRangeException>(() => new ClassificationMetrics([0, 1], [0, 2], 2)).Message);
        Assert.Contains("labels is empty", Assert.Throws<ArgumentException>(() => new ClassificationMetrics([], [], 2)).Message);
    }
}
