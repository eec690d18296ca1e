using System.Text;
using PreTrain.Tokenization.Json;

namespace PreTrain.Tests.Tokenization.Json;

public sealed class ScoreTextTests
{
    /// <summary>What tokenizers 0.23.1 holds of these texts: `json.loads(tokenizer.to_str())` after they were read.</summary>
    [Theory]
    [InlineData("-11.153160476998133", -11.153160476998131)]
    [InlineData("-3.8517472837667164", -3.851747283766717)]
    [InlineData("-3.8688107415350164", -3.868810741535016)]
    [InlineData("-7.3317538083982425", -7.331753808398243)]
    [InlineData("-8.364313495066778", -8.364313495066778)]
    [InlineData("0", 0)]
    [InlineData("-12", -12)]
    [InlineData("2.5e-3", 0.0025)]
    [InlineData("2.5E+3", 2500)]
    [InlineData("1e-400", 0)]
    [InlineData("0.1234567890123456789012345", 0.12345678901234568)]
    [InlineData("123456789012345678901234567890", 1.2345678901234568e29)]
    public void Parse_Number_IsAsTheReferenceReadsIt(string text, double expected) => Assert.Equal(expected, ScoreText.Parse(Encoding.ASCII.GetBytes(text)));

    [Theory]
    [InlineData(-11.153160476998133, -11.153160476998131)]
    [InlineData(-8.364313495066778, -8.364313495066778)]
    [InlineData(0, 0)]
    public void Reread_Score_IsThatOfTheReferenceAfterAFile(double score, double expected) => Assert.Equal(expected, ScoreText.Reread(score));
}
