using PreTrain.Evaluation;

namespace PreTrain.Tests.Evaluation;

public sealed class EntityMetricsTests
{
    [Fact]
    public void Constructor_ExampleOfSeqeval_GivesItsReport()
    {
        var metrics = new EntityMetrics([Tags("O O O B-MISC I-MISC I-MISC O"), Tags("B-PER I-PER O")], [Tags("O O B-MISC I-MISC I-MISC I-MISC O"), Tags("B-PER I-PER O")]);

        Assert.Equal(new ClassScore(0, 0, 0, 1), metrics.Types["MISC"]);
        Assert.Equal(new ClassScore(1, 1, 1, 1), metrics.Types["PER"]);
        Assert.Equal(new ClassScore(0.5, 0.5, 0.5, 2), metrics.Micro);
        Assert.Equal(new ClassScore(0.5, 0.5, 0.5, 2), metrics.Macro);
    }

    [Fact]
    public void Constructor_NeighboursAndTypes_AreApart()
    {
        // Four entities: two of a type side by side, one of another type right behind, one at the end.
        var metrics = new EntityMetrics([Tags("B-A I-A B-A B-B O B-B")], [Tags("B-A I-A I-A B-B O B-A")]);

        Assert.Equal(new ClassScore(0, 0, 0, 2), metrics.Types["A"]);
        Assert.Equal(new ClassScore(1, 1.0 / 2, 2.0 / 3, 2), metrics.Types["B"]);
        Assert.Equal(new ClassScore(1.0 / 3, 1.0 / 4, 2.0 / 7, 4), metrics.Micro);
    }

    [Theory]
    [InlineData("O I-A I-A", false, 1)]
    [InlineData("O I-A I-A", true, 0)]
    [InlineData("B-B I-A I-A", false, 1)]
    [InlineData("B-B I-A I-A", true, 0)]
    public void Strict_InsideWithoutBeginning_CountsOrNot(string predicted, bool strict, double recall) =>
        Assert.Equal(recall, new EntityMetrics([Tags("O B-A I-A")], [Tags(predicted)], strict).Types["A"].Recall);

    [Fact]
    public void Constructor_WrongInput_SaysWhatIsWrong()
    {
        Assert.Contains("labels[0][1] ('PER') must be O, B-TYPE or I-TYPE.", Assert.Throws<ArgumentException>(() => new EntityMetrics([Tags("O PER")], [Tags("O O")])).Message);
        Assert.Contains("predictions[0] has 1 tags and labels[0] has 2", Assert.Throws<ArgumentException>(() => new EntityMetrics([Tags("O O")], [Tags("O")])).Message);
    }

    private static string[] Tags(string tags) => tags.Split(' ');
}
