namespace PreTrain.Cli.Tests.Samples;

public class PretrainT5Tests
{
    private static readonly PretrainSample s_sample = new("PretrainT5", "pretrain-t5");

    [Fact]
    [Trait("Speed", "Slow")]
    public Task PretrainT5_Shortened_WritesBeforeAndAfterAndEndsAsItsReadmeSays() => s_sample.EndsAsItsReadmeSays("writes", 3);

    [Theory]
    [InlineData(new[] { "--steps", "0" }, 2, "--steps takes a positive whole number")]
    [InlineData(new[] { "no-such-file.txt" }, 3, "The file 'no-such-file.txt' does not exist.")]
    public Task PretrainT5_WrongArguments_SaysWhatIsWrong(string[] arguments, int exitCode, string message) => s_sample.Refuses(arguments, exitCode, message);

    [Fact]
    public void PretrainT5_Program_HasAtMost100Lines() => s_sample.HasAtMost100Lines();
}
