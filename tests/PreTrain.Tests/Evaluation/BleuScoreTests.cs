using PreTrain.Evaluation;

namespace PreTrain.Tests.Evaluation;

public sealed class BleuScoreTests
{
    [Fact]
    public void Constructor_ExampleOfSacrebleu_GivesItsScore()
    {
        var bleu = new BleuScore(
            [["The dog bit the man.", "The dog had bit the man."], ["It was not unexpected.", "No one was surprised."], ["The man bit him first.", "The man had bitten the dog."]],
            ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]);

        Assert.Equal(48.530827009929865, bleu.Score, 12);   // the README of sacreBLEU: 48.53, 82.4/50.0/45.5/37.5, BP = 0.943, 17 and 18 words
        Assert.Equal([100 * 14 / 17.0, 100 * 7 / 14.0, 100 * 5 / 11.0, 100 * 3 / 8.0], bleu.Precisions);
        Assert.Equal(Math.Exp(1 - 18 / 17.0), bleu.BrevityPenalty, 15);
    }

    [Fact]
    public void Constructor_OrdersWithoutMatches_AreHalvedInTurn()
    {
        // Of 5, 4, 3 and 2 n-grams, 3, 1, 0 and 0 match: the last two count as 1/2 and 1/4.
        var bleu = new BleuScore([["a b x c y"]], ["a b c z z"]);

        Assert.Equal([60.0, 25, 100 / 6.0, 100 / 8.0], bleu.Precisions);
        Assert.Equal(Math.Pow(60.0 * 25 * (100 / 6.0) * (100 / 8.0), 0.25), bleu.Score, 12);
    }

    [Theory]
    [InlineData("a b c", "a b c")]   // no run of four words
    [InlineData("a b c d", "e f g h")]
    [InlineData("a b c d", "")]
    public void Score_NothingToCount_IsZero(string reference, string prediction) => Assert.Equal(0, new BleuScore([[reference]], [prediction]).Score);

    [Fact]
    public void ReferenceLength_TwoAsClose_IsTheShorter() => Assert.Equal(3, new BleuScore([["a b c d e", "a b c"]], ["a b c d"]).ReferenceLength);

    [Theory]
    [InlineData("It's 3.5, or 1,000-2,000.", "It's|3.5|,|or|1,000|-|2,000|.")]
    [InlineData("&quot;A&amp;B&quot; (x) <skipped>well-known", "\"|A|&|B|\"|(|x|)|well-known")]
    [InlineData("up-\nstairs\nnow", "upstairs|now")]
    public void Tokenize_Marks_AreSplitAsIn13a(string text, string tokens) => Assert.Equal(tokens, string.Join('|', BleuScore.Tokenize(text)));

    [Fact]
    public void Constructor_NoReference_IsRefused() => Assert.Contains("references[0] is empty", Assert.Throws<ArgumentException>(() => new BleuScore([[]], ["a"])).Message);
}
