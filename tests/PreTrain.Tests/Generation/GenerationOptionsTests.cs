using PreTrain.Generation;

namespace PreTrain.Tests.Generation;

public sealed class GenerationOptionsTests
{
    [Fact]
    public void Validate_EveryFault_IsNamedInOneMessage()
    {
        var options = new GenerationOptions { MaxNewTokens = 0, Temperature = -0.5, TopK = -1, TopP = 0 };

        Assert.Equal(
            "MaxNewTokens (0) must be positive. Temperature (-0.5) must be 0 (greedy) or a positive number. "
            + "TopK (-1) must be positive, or 0 for all tokens. TopP (0) must be above 0 and at most 1.",
            Assert.Throws<ArgumentException>(options.Validate).Message);
    }

    [Theory]
    [InlineData(double.NaN, 1)]
    [InlineData(double.PositiveInfinity, 1)]
    [InlineData(1, double.NaN)]
    [InlineData(1, 1.01)]
    public void Validate_NoNumber_Throws(double temperature, double topP) =>
        Assert.Throws<ArgumentException>((new GenerationOptions { Temperature = temperature, TopP = topP }).Validate);

    [Fact]
    public void Validate_FaultsOfSeveralTexts_AreNamedInOneMessage()
    {
        var options = new GenerationOptions
        {
            MaxNewTokens = 5,
            MinNewTokens = 6,
            SequenceCount = 4,
            BeamCount = 3,
            TopK = 7,
            LengthPenalty = double.NaN,
            BeamStopping = (BeamStopping)9,
            RepetitionPenalty = 0,
            NoRepeatNGramSize = -2,
            StopTexts = ["a", ""],
        };

        Assert.Equal(
            "MinNewTokens (6) must be from 0 to MaxNewTokens (5). SequenceCount (4) must be at most BeamCount (3). "
            + "Temperature, TopK and TopP must be left alone with BeamCount (3): a search with beams draws nothing. LengthPenalty (NaN) must be a number. "
            + "BeamStopping (9) is not known. RepetitionPenalty (0) must be a positive number. NoRepeatNGramSize (-2) must be positive, or 0 for no such rule. "
            + "StopTexts must not hold an empty text.",
            Assert.Throws<ArgumentException>(options.Validate).Message);
    }

    [Fact]
    public void Validate_CountsThatMeanNothing_Throw()
    {
        Assert.Equal("SequenceCount (0) must be positive. BeamCount (0) must be positive; 1 for no beams.",
            Assert.Throws<ArgumentException>((new GenerationOptions { SequenceCount = 0, BeamCount = 0 }).Validate).Message);
        foreach (GenerationOptions options in new GenerationOptions[] { new() { Temperature = 0 }, new() { TopK = 1 } })
        {
            Assert.Equal("SequenceCount (2) must be 1 where nothing is drawn: all texts would be the same.",
                Assert.Throws<ArgumentException>((options with { SequenceCount = 2 }).Validate).Message);
        }
        new GenerationOptions { Temperature = 0, BeamCount = 2, SequenceCount = 2 }.Validate();
    }

    [Fact]
    public void Validate_Defaults_Pass() => new GenerationOptions().Validate();
}
