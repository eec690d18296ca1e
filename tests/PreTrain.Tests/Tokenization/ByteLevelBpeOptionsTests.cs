using PreTrain.Tokenization;

namespace PreTrain.Tests.Tokenization;

public class ByteLevelBpeOptionsTests
{
    [Fact]
    public void Validate_SeveralFaults_AreReportedTogether()
    {
        var options = new ByteLevelBpeOptions { VocabSize = 257, MinFrequency = -2, Threads = -1, SpecialTokens = ["<a>", "", "<b>", "<a>"] };
        Assert.Equal(
            string.Join(
                Environment.NewLine,
                "MinFrequency (-2) must not be negative; use 0 to merge every pair that occurs.",
                "Threads (-1) must not be negative; use 0 for all processors.",
                "SpecialTokens must not hold an empty token; remove it.",
                "SpecialTokens holds '<a>' more than once; remove one of them.",
                "VocabSize (257) must be at least 258: the 256 bytes and the special tokens."),
            Assert.Throws<ArgumentException>(options.Validate).Message);
    }

    [Fact]
    public void Validate_SmallestVocabulary_IsTheAlphabetAndTheSpecialTokens()
    {
        new ByteLevelBpeOptions { VocabSize = 257 }.Validate();
        new ByteLevelBpeOptions { VocabSize = 256, SpecialTokens = ["a"] }.Validate();
        Assert.Throws<ArgumentException>(new ByteLevelBpeOptions { VocabSize = 256 }.Validate);
        var tokenizer = ByteLevelBpeTokenizer.Train(["aaa"], new() { VocabSize = 257 }, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(257, tokenizer.VocabSize);
        Assert.Empty(tokenizer.Merges);
    }
}
