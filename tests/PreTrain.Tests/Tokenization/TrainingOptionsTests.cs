using PreTrain.Tokenization;

namespace PreTrain.Tests.Tokenization;

public class TrainingOptionsTests
{
    [Fact]
    public void Validate_Defaults_AreValid()
    {
        new BpeOptions().Validate();
        new WordPieceOptions().Validate();
        new UnigramOptions().Validate();
        new WordLevelOptions().Validate();
    }

    [Fact]
    public void Validate_SeveralFaultsOfBpe_AreReportedTogether()
    {
        var options = new BpeOptions { VocabSize = 256, MinFrequency = -1, Threads = -2, MemoryLimitBytes = 5, SpecialTokens = ["<a>", "", "<a>"], AlphabetLimit = 0, InitialAlphabet = ["ab", "\ud800"], MaxTokenLength = 0, ContinuingPrefix = null!, EndOfWordSuffix = null!, ByteFallback = true };
        Check(
            options.Validate,
            "MinFrequency (-1) must not be negative; use 0 for whatever occurs.",
            "Threads (-2) must not be negative; use 0 for all processors.",
            "MemoryLimitBytes (5) must be at least 1048576; use 0 for no limit.",
            "SpecialTokens must not hold an empty token; remove it.",
            "SpecialTokens holds '<a>' more than once; remove one of them.",
            "UnknownToken ('<unk>') must be one of SpecialTokens; add it there.",
            "AlphabetLimit (0) must be at least 1; use null for no limit.",
            "InitialAlphabet holds 'ab', which must be one character.",
            "InitialAlphabet holds '\ud800', which must be one character.",
            "MaxTokenLength (0) must be at least 1; use null for no limit.",
            "ContinuingPrefix must not be null; use an empty string for none.",
            "EndOfWordSuffix must not be null; use an empty string for none.",
            "VocabSize (256) must be more than 259, the number of special tokens.");
    }

    [Fact]
    public void Validate_SeveralFaultsOfTheOthers_AreReportedTogether()
    {
        Check(
            new WordPieceOptions { VocabSize = 4, SpecialTokens = null!, MaxCharactersPerWord = 0, ContinuingPrefix = null! }.Validate,
            "SpecialTokens must not be null; use an empty list for none.",
            "ContinuingPrefix must not be null; use an empty string for none.",
            "MaxCharactersPerWord (0) must be at least 1.");
        Check(
            new UnigramOptions { VocabSize = 0, MaxPieceLength = 0, SeedSize = 0, ShrinkingFactor = 1, SubIterationCount = 0 }.Validate,
            "MaxPieceLength (0) must be at least 1.",
            "SeedSize (0) must be at least 1.",
            "ShrinkingFactor (1) must be more than 0 and less than 1.",
            "SubIterationCount (0) must be at least 1.",
            "VocabSize (0) must be more than 1, the number of special tokens.");
        Check(new WordLevelOptions { VocabSize = 1, UnknownToken = "?" }.Validate, "UnknownToken ('?') must be one of SpecialTokens; add it there.", "VocabSize (1) must be more than 1, the number of special tokens.");
    }

    private static void Check(Action validate, params string[] faults) => Assert.Equal(string.Join(Environment.NewLine, faults), Assert.Throws<ArgumentException>(validate).Message);
}
