using System.CommandLine.Parsing;

namespace PreTrain.Cli.Tests.Docs;

/// <summary>Runs the commands of a page as they stand there, but for sizes: those of <c>small</c> replace the page's.</summary>
internal static class DocumentedCommands
{
    /// <summary>Options of pre-training that decide how long it takes.</summary>
    private static readonly Dictionary<string, string> s_small = new()
    {
        ["--steps"] = "2",
        ["--warmup-steps"] = "1",
        ["--layers"] = "1",
        ["--heads"] = "2",
        ["--embedding"] = "12",
        ["--context"] = "16",
        ["--batch"] = "2",
    };

    private static readonly string[] s_trainings = [.. Cli.Commands.PretrainFamily.All.Select(family => family.Name), "vit", "finetune", "distill"];

    /// <summary>Runs all lines of the page's <c>sh</c> blocks that begin with the tool's name.</summary>
    /// <param name="page">The page's place in the repository.</param>
    /// <param name="folder">The current folder meanwhile.</param>
    /// <param name="replacements">Values of further options of trainings, and others for some of those above; of an option with one value, such as <c>--data sdk-docs</c>, for that value alone.</param>
    /// <returns>The commands with what they printed.</returns>
    public static IReadOnlyList<(string Command, ToolResult Result)> Run(string page, string folder, params (string Option, string Value)[] replacements)
    {
        var small = new Dictionary<string, string>(s_small);
        foreach (var (option, value) in replacements) small[option] = value;
        string[] commands = [.. Repository.CodeBlocks(page, "sh").SelectMany(block => block.Split('\n')).Where(line => line.StartsWith("pretrain ", StringComparison.Ordinal))];
        Assert.NotEmpty(commands);
        var results = new List<(string, ToolResult)>();
        Repository.In(folder, () =>
        {
            foreach (string command in commands)
            {
                string[] arguments = [.. CommandLineParser.SplitCommandLine(command.Replace('\'', '"')).Skip(1)];
                for (int i = 0; i < arguments.Length - 1; i++)
                {
                    if (s_trainings.Contains(arguments[0]) && (small.TryGetValue($"{arguments[i]} {arguments[i + 1]}", out string? value) || small.TryGetValue(arguments[i], out value))) arguments[i + 1] = value;
                }
                ToolResult result = ToolRunner.Run(arguments);
                Assert.True(result.ExitCode == 0, $"{command}: exit code {result.ExitCode}: {result.Error}");
                results.Add((command, result));
            }
        });
        return results;
    }
}
