namespace PreTrain.Cli.Tests;

public class ToolTests
{
    [Fact]
    public void Run_Help_ListsTheCommandsAndEndsWith0()
    {
        ToolResult result = ToolRunner.Run("--help");

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        foreach (string command in new[] { "info", "gpt", "generate", "evaluate", "logits", "--json", "--seed", "--device", "--threads", "--quiet", "--verbose" })
            Assert.Contains(command, result.Output);
        Assert.Contains("Usage:\n  pretrain [command] [options]", result.Output.ReplaceLineEndings("\n"));
        Assert.Contains("Usage:\n  pretrain finetune chat [options]", ToolRunner.Run("finetune", "chat", "--help").Output.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void Run_Version_IsThatOfTheLibrary()
    {
        ToolResult result = ToolRunner.Run("--version");

        Assert.Equal(0, result.ExitCode);
        Assert.StartsWith(typeof(Models.Gpt.GptModel).Assembly.GetName().Version!.ToString(3), result.Output);
    }

    [Theory]
    [InlineData("prune --sparsity 0.5")]
    [InlineData("prune --heads 0.4")]
    [InlineData("quantize --scheme int8")]
    [InlineData("convert --precision bf16")]
    [InlineData("export gguf")]
    [InlineData("export onnx")]
    public void Run_CancelledWriter_LeavesWhatWasThereAndEndsWith130(string command)
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        string output = command.StartsWith("export", StringComparison.Ordinal) ? folder["old.file"] : folder["old"];
        if (command.StartsWith("export", StringComparison.Ordinal)) File.WriteAllText(output, "old");
        else TinyModel.Save(output, seed: 5);
        Dictionary<string, byte[]> before = Files();
        using StringWriter written = new(), error = new();

        int code = Tool.Run([.. command.Split(' '), "--model", folder["model"], "--output", output, "--overwrite"], written, error, new CancellationToken(canceled: true));

        Assert.Equal((130, "", "Interrupted.\n"), (code, written.ToString(), error.ToString()));
        Assert.Equal(before, Files());

        Dictionary<string, byte[]> Files() => Directory.GetFiles(folder.Path, "*", SearchOption.AllDirectories).ToDictionary(file => file, File.ReadAllBytes);
    }

    [Theory]
    [InlineData("", "Required command was not provided.")]
    [InlineData("evaluate", "Required command was not provided.")]
    [InlineData("train", "'train'")]
    [InlineData("info --fast", "'--fast'")]
    [InlineData("info --threads 0", "--threads (0) must be a positive whole number of at most 2147483647.")]
    [InlineData("info --threads two", "--threads (two) must be a positive whole number of at most 2147483647.")]
    [InlineData("info --device tpu", "--device (tpu) must be auto, cpu or cuda.")]
    [InlineData("info --seed 1.5", "--seed (1.5) must be a whole number of at most 64 bits.")]
    [InlineData("logits --ids 1", "'--model'")]
    [InlineData("evaluate perplexity --model m --data t --batch -3", "--batch (-3) must be a positive whole number of at most 2147483647.")]
    public void Run_WrongUsage_NamesItAndEndsWith2(string arguments, string message)
    {
        ToolResult result = ToolRunner.Run(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.StartsWith("error: ", result.Error);
        Assert.Contains(message, result.Error);
        Assert.Contains("--help", result.Error);
    }

    [Fact]
    public async Task Run_WithoutTheNativePart_SaysHowToGetItAndEndsWith5()
    {
        Assert.SkipUnless(typeof(TorchSharp.torch).Assembly.GetType("TorchSharp.Interop.Native") is not null, "The native part belongs to the System provider.");
        var start = new System.Diagnostics.ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "PreTrain.Cli.dll"), "info"])
        {
            RedirectStandardError = true,
            Environment = { ["PRETRAIN_TORCH_NATIVE"] = "/no/such/library.so" },
        };
        using var process = System.Diagnostics.Process.Start(start)!;
        string error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal(5, process.ExitCode);
        Assert.StartsWith("error: /no/such/library.so is missing: the native part of the torch provider has not been built. Run ./bootstrap.sh", error);
        Assert.DoesNotContain("   at ", error);
    }
}
