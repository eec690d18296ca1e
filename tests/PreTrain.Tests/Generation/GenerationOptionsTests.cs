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
    public void Validate_Defaults_Pass() => new GenerationOptions().Validate();
}
