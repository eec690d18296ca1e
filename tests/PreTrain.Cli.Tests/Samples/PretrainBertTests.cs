namespace PreTrain.Cli.Tests.Samples;

public class PretrainBertTests
{
    private static readonly PretrainSample s_sample = new("PretrainBert", "pretrain-bert");

    [Fact]
    [Trait("Speed", "Slow")]
    public Task PretrainBert_Shortened_WritesBeforeAndAfterAndEndsAsItsReadmeSays() => s_sample.EndsAsItsReadmeSays("expects", 3);

    [Theory]
    [InlineData(new[] { "--steps", "0" }, 2, "--steps takes a positive whole number")]
    [InlineData(new[] { "no-such-file.txt" }, 3, "The file 'no-such-file.txt' does not exist.")]
    public Task PretrainBert_WrongArguments_SaysWhatIsWrong(string[] arguments, int exitCode, string message) => s_sample.Refuses(arguments, exitCode, message);

    [Fact]
    public void PretrainBert_Program_HasAtMost100Lines() => s_sample.HasAtMost100Lines();
}
