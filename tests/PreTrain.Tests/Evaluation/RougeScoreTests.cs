using PreTrain.Evaluation;

namespace PreTrain.Tests.Evaluation;

public sealed class RougeScoreTests
{
    [Fact]
    public void Constructor_ExampleOfRougeScore_GivesItsMeasures()
    {
        var rouge = new RougeScore([["The quick brown fox jumps over the lazy dog"]], ["The quick brown dog jumps on the log."]);

        Assert.Equal(12 / 17.0, rouge.Rouge1, 15);   // precision 0.75, recall 0.667 in its README
        Assert.Equal(4 / 15.0, rouge.Rouge2, 15);
        Assert.Equal(10 / 17.0, rouge.RougeL, 15);   // precision 0.625, recall 0.556
    }

    [Fact]
    public void Constructor_SeveralReferences_EachMeasureTakesItsBest()
    {
        var rouge = new RougeScore([["b a d c", "a b x x x x"], ["e"]], ["a b c d", ""]);

        Assert.Equal(1 / 2.0, rouge.Rouge1, 15);
        Assert.Equal(2 / 8.0 / 2, rouge.Rouge2, 15);
        Assert.Equal(2 * 2 / 8.0 / 2, rouge.RougeL, 15);
    }

    [Fact]
    public void RougeL_RandomTexts_EqualsSearchOfAllSubsequences()
    {
        var random = new Random(3);
        for (int trial = 0; trial < 50; trial++)
        {
            string[] a = Words(random.Next(1, 9)), b = Words(random.Next(1, 9));
            Assert.Equal(2.0 * Longest(a, b) / (a.Length + b.Length), new RougeScore([[string.Join(' ', a)]], [string.Join(' ', b)]).RougeL, 14);
        }

        string[] Words(int count) => [.. Enumerable.Range(0, count).Select(_ => "abc"[random.Next(3)].ToString())];
        static int Longest(string[] a, string[] b) => Enumerable.Range(0, 1 << a.Length).Max(set =>
        {
            string[] part = [.. a.Where((_, i) => (set >> i & 1) == 1)];
            int found = 0;
            foreach (string word in b)
                if (found < part.Length && part[found] == word) found++;
            return found == part.Length ? found : 0;
        });
    }
}
