namespace PreTrain.Cli.Tests.Docs;

public class TokenizersTests
{
    [Fact]
    public void Commands_OfThePage_TrainEncodeAndDecode()
    {
        using var folder = new TemporaryFolder();
        folder.Write("docs/a.txt", TinyModel.Text(50));
        folder.Write("docs/more/b.txt", "Hello there, General.");

        IReadOnlyList<(string Command, ToolResult Result)> runs = DocumentedCommands.Run("docs/tokenizers.md", folder.Path);

        Assert.Equal(4, runs.Count);
        Assert.Contains("hello", runs[1].Result.Output);   // from the folder within
    }
}
