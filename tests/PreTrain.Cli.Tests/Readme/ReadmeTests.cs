using PreTrain.Cli.Tests.Docs;
using PreTrain.Training;

namespace PreTrain.Cli.Tests.Readme;

public class ReadmeTests
{
    [Fact]
    public void TenLines_OfTheReadme_AreTheCodeThatIsTested()
    {
        string[] code = File.ReadAllLines(Path.Combine(Repository.Root, "tests/PreTrain.Cli.Tests/Readme/TenLines.cs"));
        int begin = Array.FindIndex(code, line => line.Trim() == "// begin") + 1, end = Array.FindIndex(code, line => line.Trim() == "// end");
        int indentation = code[begin].Length - code[begin].TrimStart().Length;

        string tested = string.Concat(code[begin..end].Select(line => line[indentation..] + "\n"));

        Assert.Equal(Assert.Single(Repository.CodeBlocks("README.md", "csharp")).Replace("Steps = 2000,", "Steps = 2,"), tested);
    }

    [Fact]
    public void TenLines_OnSomeText_TrainAndWrite()
    {
        using var folder = new TemporaryFolder();
        folder.Write("docs/a.txt", TinyModel.Text(300));
        folder.Write("docs/inner/b.txt", TinyModel.Text(300, seed: 4));
        TextWriter console = Console.Out;
        using var output = new StringWriter();
        TrainingResult? result = null;
        try
        {
            Console.SetOut(output);
            Repository.In(folder.Path, () => result = TenLines.Run());
        }
        finally
        {
            Console.SetOut(console);
        }

        Assert.Equal(2, result!.Steps);
        Assert.StartsWith("Returns the", output.ToString());
        foreach (string name in new[] { "tokens", "checkpoints/step-000002", "metrics.jsonl", "timings.jsonl", "model/config.json", "model/model.safetensors", "model/tokenizer.json" })
            Assert.True(Path.Exists(folder[$"runs/docs/{name}"]), name);
    }

    /// <summary>Each command runs as it stands there, but for sizes: the text and the number of steps are small.</summary>
    [Fact]
    [Trait("Speed", "Slow")]
    public void Commands_OfTheReadme_Run()
    {
        using var folder = new TemporaryFolder();
        folder.Write("docs/a.txt", TinyModel.Text(900));
        folder.Write("notes.txt", TinyModel.Text(9));
        TinyModel.SaveBert(folder["models/bert"]);
        folder.Write("question.json", """{"input_ids": [[2, 7, 11, 3, 13, 17, 3]], "token_type_ids": [[0, 0, 0, 0, 1, 1, 1]]}""");

        DocumentedCommands.Run("README.md", folder.Path, ("--data", "docs/*.txt"));
    }

    [Fact]
    public void Commands_OfTheReadmeWithoutATest_AreThoseOfTheContinuousIntegration()
    {
        string[] lines = [.. Repository.CodeBlocks("README.md", "sh").SelectMany(block => block.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            .Where(line => !line.StartsWith("pretrain ", StringComparison.Ordinal))];

        Assert.Equal(
        [
            "./bootstrap.sh && dotnet run -c Release --project samples/PretrainGpt",   // shortened, for each sample
            "./bootstrap.sh && dotnet test -c Release",   // word for word
            "dotnet pack src/PreTrain -c Release -o artifacts/packages",
            "dotnet nuget add source \"$PWD/artifacts/packages\" --name PreTrain",
            "dotnet add ../mine package PreTrain",
            "dotnet add ../mine package TorchSharp-cpu --version 0.107.0",
            "dotnet build -c Release",
            "alias pretrain=\"$PWD/src/PreTrain.Cli/bin/Release/net10.0/pretrain\"",   // Alias_OfTheReadme_NamesTheTool
            "dotnet pack src/PreTrain.Cli -c Release -o artifacts/packages",
            "dotnet tool install --global --add-source artifacts/packages PreTrain.Cli",
        ], lines);
    }

    [Fact]
    public void Alias_OfTheReadme_NamesTheTool()
    {
        string configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;
        string tool = Path.Combine(Repository.Root, $"src/PreTrain.Cli/bin/{configuration}/net10.0/pretrain");
        Assert.SkipUnless(File.Exists(Path.Combine(Path.GetDirectoryName(tool)!, "PreTrain.Cli.dll")), "The tool was built elsewhere.");

        using var process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(tool, ["--version"]) { RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();

        Assert.Equal((0, ToolRunner.Run("--version").Output), (process.ExitCode, output));
    }

    [Fact]
    public void Version_OfTheReadmesLibtorch_IsThatOfTorchSharp() =>
        Assert.Contains("<PackageVersion Include=\"TorchSharp-cpu\" Version=\"0.107.0\" />", File.ReadAllText(Path.Combine(Repository.Root, "Directory.Packages.props")));

    [Fact]
    public void Commands_OfTheTool_AreAllInTheReadme()
    {
        string readme = File.ReadAllText(Path.Combine(Repository.Root, "README.md"));
        string[] lines = ToolRunner.Run("--help").Output.ReplaceLineEndings("\n").Split('\n');
        string[] commands = [.. lines.SkipWhile(line => line != "Commands:").Skip(1).Where(line => line.StartsWith("  ", StringComparison.Ordinal) && char.IsAsciiLetterLower(line[2])).Select(line => line.Trim().Split(' ')[0])];
        Assert.InRange(commands.Length, 25, 60);
        Assert.All(commands, command => Assert.True(readme.Contains($"pretrain {command}", StringComparison.Ordinal) || readme.Contains($"`{command}`", StringComparison.Ordinal), command));
    }

    /// <summary>What a package shows has no links into the repository, which it does not know.</summary>
    [Theory]
    [InlineData("PreTrain")]
    [InlineData("PreTrain.Cli")]
    public void Readme_OfThePackage_StandsAlone(string project)
    {
        string folder = Path.Combine(Repository.Root, "src", project), readme = File.ReadAllText(Path.Combine(folder, "README.md"));
        Assert.Contains("<None Include=\"README.md\" Pack=\"true\" PackagePath=\"/\" />", File.ReadAllText(Path.Combine(folder, $"{project}.csproj")));
        Assert.DoesNotMatch(@"\]\((?!https://)", readme);
    }

    [Fact]
    public void Tables_OfTheReadme_HoldTheContracts()
    {
        string readme = File.ReadAllText(Path.Combine(Repository.Root, "README.md"));

        // The tests of the commands compare the same lists with what the tool prints.
        Assert.Contains("| `info` | `version`, `provider`, `libtorch`, `device`, `cuda`, `threads`, `simd` |", readme);
        Assert.Contains("| `gpt` | `steps`, `tokens`, `trainLoss`, `validationLoss`, `validationPerplexity`, `validationAccuracy`, `bestValidationLoss` (with `--save best`), `modelStep`, `faults`, `stoppedEarly`, `tokensPerSecond`, `peakMemoryBytes`, `seconds`, `output`, `flopsPerSecond`, `peakFlopsPerSecond`, `utilization`, `energyJoules` |", readme);
        Assert.Contains("`--embedding (770) must be divisible by --heads (12).`", readme);
        Assert.Contains("--embedding (770) must be divisible by --heads (12).",
            ToolRunner.Run("gpt", "--data", "x", "--output", "y", "--embedding", "770", "--heads", "12").Error);
    }
}
