namespace PreTrain.Cli.Tests;

/// <summary>A run of <c>pretrain gpt</c> that takes a second.</summary>
internal static class TinyRun
{
    public const int Steps = 8;

    /// <summary>The arguments; those given later win.</summary>
    public static string[] Arguments(string data, string output, params string[] more)
    {
        var values = new Dictionary<string, string?>
        {
            ["--data"] = data,
            ["--output"] = output,
            ["--layers"] = "2",
            ["--heads"] = "3",
            ["--embedding"] = "15",
            ["--context"] = "13",
            ["--vocab-size"] = "283",
            ["--batch"] = "5",
            ["--steps"] = Steps.ToString(),
            ["--checkpoint-every"] = "4",
            ["--evaluate-every"] = "4",
            ["--log-every"] = "1",
            ["--device"] = "cpu",
        };
        for (int i = 0; i < more.Length; i++)
        {
            string? value = i + 1 < more.Length && !more[i + 1].StartsWith("--", StringComparison.Ordinal) ? more[i + 1] : null;
            values[more[i]] = value;
            if (value is not null) i++;
        }
        return ["gpt", .. values.SelectMany(pair => pair.Value is null ? new[] { pair.Key } : [pair.Key, pair.Value])];
    }

    /// <summary>Text that is long enough.</summary>
    public static string Data(TemporaryFolder folder) => folder.Write("text.txt", TinyModel.Text(300));

    /// <summary>Runs it in this process.</summary>
    public static ToolResult Run(string data, string output, params string[] more) => ToolRunner.Run(Arguments(data, output, more));

    /// <summary>Runs it in this process, and requires that it succeeds.</summary>
    public static ToolResult Complete(string data, string output, params string[] more)
    {
        ToolResult result = Run(data, output, more);
        Assert.True(result.ExitCode == 0, $"exit code {result.ExitCode}: {result.Error}");
        return result;
    }

    public static string Metrics(string output) => File.ReadAllText(Path.Combine(output, "metrics.jsonl"));
}
