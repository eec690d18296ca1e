namespace PreTrain.Cli.Tests.Scripts;

public class BundleTests
{
    [Theory]
    [InlineData("out")]
    [InlineData("out/")]
    [InlineData("out//")]
    [InlineData("out/.")]
    public void Bundle_Folder_ReplacesTheOneThatIsThere(string target)
    {
        using var scripts = new ScriptFolder();
        for (int i = 0; i < 2; i++)
        {
            ToolResult result = scripts.Run(".", ["clone/eng/bundle.sh", target]);
            Assert.True(result.ExitCode == 0, result.Error);
            Assert.StartsWith($"bundle: {scripts["out"]} (", result.Output);
            Assert.True(File.Exists(scripts["out/app/program"]) && File.Exists(scripts["out/run.sh"]));
        }
        Assert.Equal(["clone", "commands", "out"], Directory.GetFileSystemEntries(scripts["."]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Bundle_ArchiveInANewFolder_IsWritten()
    {
        using var scripts = new ScriptFolder();
        ToolResult result = scripts.Run(".", ["clone/eng/bundle.sh", "new/folder/bundle.tar.gz"]);
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal([scripts["new/folder/bundle.tar.gz"]], Directory.GetFileSystemEntries(scripts["new/folder"]));
    }
}
