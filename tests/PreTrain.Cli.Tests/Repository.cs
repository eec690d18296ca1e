namespace PreTrain.Cli.Tests;

/// <summary>The clone that the tests were built in.</summary>
internal static class Repository
{
    /// <summary>Its folder; the test is skipped where the tests run apart from it.</summary>
    public static string Root
    {
        get
        {
            for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
            {
                if (File.Exists(Path.Combine(folder, "PreTrain.sln"))) return folder;
            }
            Assert.Skip("The tests run apart from the repository.");
            return "";
        }
    }

    /// <summary>The code blocks of a language in a Markdown file.</summary>
    public static string[] CodeBlocks(string file, string language) =>
        [.. File.ReadAllText(Path.Combine(Root, file)).Split($"```{language}\n").Skip(1).Select(block => block[..block.IndexOf("```", StringComparison.Ordinal)])];

    /// <summary>Runs an action in another current folder.</summary>
    public static void In(string folder, Action action)
    {
        string before = Directory.GetCurrentDirectory();
        Directory.SetCurrentDirectory(folder);
        try
        {
            action();
        }
        finally
        {
            Directory.SetCurrentDirectory(before);
        }
    }
}
