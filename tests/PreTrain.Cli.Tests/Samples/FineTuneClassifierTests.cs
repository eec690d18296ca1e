namespace PreTrain.Cli.Tests.Samples;

public class FineTuneClassifierTests
{
    private static readonly PretrainSample s_sample = new("FineTuneClassifier", "fine-tune-classifier");

    [Fact]
    [Trait("Speed", "Slow")]
    public Task FineTuneClassifier_Shortened_ShowsBeforeAndAfterAndEndsAsItsReadmeSays() => s_sample.EndsAsItsReadmeSays("says", 3, folder => TinyTasks.Write(folder, "classify", sentences: 300));

    [Theory]
    [InlineData(new[] { "--steps", "0" }, 2, "--steps takes a positive whole number")]
    [InlineData(new[] { "no-such-file.csv" }, 3, "The file 'no-such-file.csv' does not exist.")]
    public Task FineTuneClassifier_WrongArguments_SaysWhatIsWrong(string[] arguments, int exitCode, string message) => s_sample.Refuses(arguments, exitCode, message);

    [Fact]
    public void FineTuneClassifier_Program_HasAtMost100Lines() => s_sample.HasAtMost100Lines();
}
