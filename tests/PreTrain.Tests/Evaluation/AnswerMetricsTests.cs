using PreTrain.Evaluation;

namespace PreTrain.Tests.Evaluation;

public sealed class AnswerMetricsTests
{
    // The values of compute_exact and compute_f1 in transformers 5.12, which are those of the official script.
    [Theory]
    [InlineData("The  Eiffel-Tower, a tower!", "an eiffeltower tower", 1, 1)]
    [InlineData("in the year 1889", "1889, year", 0, 0.8)]
    [InlineData("", "the", 1, 1)]
    [InlineData("", "nothing", 0, 0)]
    [InlineData("red red blue", "red blue green", 0, 0.6666666666666666)]
    [InlineData("naïve $5 «x»", "Naïve 5 «X»", 1, 1)]
    public void Constructor_OneAnswer_EqualsTheOfficialScript(string reference, string prediction, double exact, double f1)
    {
        var metrics = new AnswerMetrics([[reference]], [prediction]);

        Assert.Equal(exact, metrics.ExactMatch);
        Assert.Equal(f1, metrics.F1, 15);
    }

    [Fact]
    public void Constructor_SeveralReferencesAndQuestions_TakesTheBestAndTheMean()
    {
        // "The" is nothing without its article, and is no reference beside a real one.
        var metrics = new AnswerMetrics([["Paris", "in Paris"], ["The", "Rome"], ["x"]], ["in Paris, France", "", "x"]);

        Assert.Equal(1.0 / 3, metrics.ExactMatch, 15);
        Assert.Equal((0.8 + 0 + 1) / 3, metrics.F1, 15);
        Assert.Equal(3, metrics.Count);
    }

    [Fact]
    public void Normalize_PunctuationAndArticles_AreTakenAway() => Assert.Equal("eiffeltower tower", AnswerMetrics.Normalize("The  Eiffel-Tower, a tower!"));

    [Fact]
    public void Constructor_WithoutReference_IsRefused() => Assert.Contains("references[1] is empty", Assert.Throws<ArgumentException>(() => new AnswerMetrics([["a"], []], ["a", "b"])).Message);
}
