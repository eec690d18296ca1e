namespace PreTrain.Cli.Tests.Samples;

public class PretrainGptTests
{
    private static readonly PretrainSample s_sample = new("PretrainGpt", "pretrain-gpt");

    [Fact]
    [Trait("Speed", "Slow")]
    public Task PretrainGpt_Shortened_WritesBeforeAndAfterAndEndsAsItsReadmeSays() => s_sample.EndsAsItsReadmeSays("writes", 4);

    [Theory]
    [InlineData(new[] { "--steps", "0" }, 2, "--steps takes a positive whole number")]
    [InlineData(new[] { "no-such-file.txt" }, 3, "The file 'no-such-file.txt' does not exist.")]
    public Task PretrainGpt_WrongArguments_SaysWhatIsWrong(string[] arguments, int exitCode, string message) => s_sample.Refuses(arguments, exitCode, message);

    [Fact]
    public void PretrainGpt_Program_HasAtMost100Lines() => s_sample.HasAtMost100Lines();
}
