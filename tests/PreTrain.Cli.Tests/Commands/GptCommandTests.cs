using System.Text.Json;
using PreTrain.Models.Gpt;
using PreTrain.Tokenization;
using TorchSharp;

namespace PreTrain.Cli.Tests.Commands;

public class GptCommandTests
{
    [Fact]
    public void Gpt_Json_IsOneObjectWithTheKeysOfTheContract()
    {
        using var folder = new TemporaryFolder();

        ToolResult result = TinyRun.Run(TinyRun.Data(folder), folder["run"], "--accumulate", "2", "--json");

        Assert.Equal(["steps", "tokens", "trainLoss", "validationLoss", "validationPerplexity", "validationAccuracy", "modelStep", "faults", "stoppedEarly", "tokensPerSecond", "peakMemoryBytes", "seconds", "output",
            "flopsPerSecond", "peakFlopsPerSecond", "utilization", "energyJoules"], result.Keys());
        JsonElement json = result.Json();
        Assert.Equal(TinyRun.Steps, json.GetProperty("steps").GetInt32());
        Assert.Equal(TinyRun.Steps * 2 * 5 * 13, json.GetProperty("tokens").GetInt64());
        Assert.InRange(json.GetProperty("trainLoss").GetDouble(), 4, Math.Log(283) + 0.5);
        Assert.InRange(json.GetProperty("validationLoss").GetDouble(), 4, Math.Log(283) + 0.5);
        Assert.Equal(Math.Exp(json.GetProperty("validationLoss").GetDouble()), json.GetProperty("validationPerplexity").GetDouble(), 1e-9);
        Assert.InRange(json.GetProperty("validationAccuracy").GetDouble(), 0, 0.9);
        Assert.Equal((TinyRun.Steps, 0, false), (json.GetProperty("modelStep").GetInt32(), json.GetProperty("faults").GetInt32(), json.GetProperty("stoppedEarly").GetBoolean()));
        Assert.InRange(json.GetProperty("tokensPerSecond").GetDouble(), 1, 1e9);
        Assert.InRange(json.GetProperty("peakMemoryBytes").GetInt64(), 10_000_000, 100_000_000_000);
        Assert.InRange(json.GetProperty("seconds").GetDouble(), 0.001, 600);
        Assert.Equal(folder["run"], json.GetProperty("output").GetString());
    }

    [Fact]
    public void Gpt_Output_IsAModelFolderThatTheOtherCommandsTake()
    {
        using var folder = new TemporaryFolder();
        string data = TinyRun.Data(folder);
        ToolResult run = TinyRun.Complete(data, folder["run"], "--evaluate-every", "0", "--validation-fraction", "0", "--json");

        Assert.Equal(JsonValueKind.Null, run.Json().GetProperty("validationLoss").ValueKind);
        using (GptModel model = GptModel.FromPretrained(folder["run/model"]))
            Assert.Equal((2, 3, 15, 13, 283), (model.Config.LayerCount, model.Config.HeadCount, model.Config.EmbeddingDim, model.ContextLength, model.VocabSize));
        Assert.Equal(283, ByteLevelBpeTokenizer.Load(folder["run/model"]).VocabSize);
        Assert.Equal(0, ToolRunner.Run("generate", "--model", folder["run"], "--prompt", "The", "--max-new-tokens", "3").ExitCode);
        Assert.InRange(ToolRunner.Run("evaluate", "perplexity", "--model", folder["run"], "--data", data, "--json").Json().GetProperty("loss").GetDouble(), 4, 6);
    }

    [Fact]
    public void Gpt_Progress_GoesToStandardErrorUnlessQuiet()
    {
        using var folder = new TemporaryFolder();
        string data = TinyRun.Data(folder);

        ToolResult loud = TinyRun.Complete(data, folder["loud"], "--json"), quiet = TinyRun.Complete(data, folder["quiet"], "--json", "--quiet");

        Assert.Contains($"Step {TinyRun.Steps}/{TinyRun.Steps}: loss ", loud.Error);
        Assert.Contains("validation loss", loud.Error);
        Assert.Equal("", quiet.Error);
        loud.Json();
        quiet.Json();
    }

    [Fact]
    public void Gpt_SameSeed_SameLosses()
    {
        using var folder = new TemporaryFolder();
        string data = TinyRun.Data(folder);
        TinyRun.Complete(data, folder["a"], "--seed", "7");
        TinyRun.Complete(data, folder["b"], "--seed", "7");
        TinyRun.Complete(data, folder["c"], "--seed", "8");

        Assert.Equal(TinyRun.Metrics(folder["a"]), TinyRun.Metrics(folder["b"]));
        Assert.NotEqual(TinyRun.Metrics(folder["a"]), TinyRun.Metrics(folder["c"]));
    }

    [Fact]
    public void Gpt_GivenTokenizer_IsUsed()
    {
        using var folder = new TemporaryFolder();
        ByteLevelBpeTokenizer tokenizer = ByteLevelBpeTokenizer.Train([TinyModel.Text(40)], new() { VocabSize = 271 }, cancellation: TestContext.Current.CancellationToken);
        tokenizer.Save(folder["tokenizer"]);
        string[] arguments = [.. TinyRun.Arguments(TinyRun.Data(folder), folder["run"], "--tokenizer", folder["tokenizer"])];
        int at = Array.IndexOf(arguments, "--vocab-size");

        ToolResult both = ToolRunner.Run(arguments), one = ToolRunner.Run([.. arguments[..at], .. arguments[(at + 2)..]]);

        Assert.Equal((2, "error: --vocab-size and --tokenizer exclude each other: a given tokenizer brings its vocabulary.\n"), (both.ExitCode, both.Error));
        Assert.Equal(0, one.ExitCode);
        Assert.Equal(tokenizer.Fingerprint, ByteLevelBpeTokenizer.Load(folder["run/model"]).Fingerprint);
    }

    [Theory]
    [InlineData("--heads 4", "--embedding (15) must be divisible by --heads (4).")]
    [InlineData("--vocab-size 256", "--vocab-size (256) must be at least 257: the 256 bytes and the end of a document.")]
    [InlineData("--preset huge", "--preset (huge) must be nano, char, gpt2-small, gpt2-medium, gpt2-large or gpt2-xl.")]
    [InlineData("--layers 0", "--layers (0) must be a positive whole number of at most 2147483647.")]
    [InlineData("--heads 0", "--heads (0) must be")]
    [InlineData("--embedding -15", "--embedding (-15) must be")]
    [InlineData("--context 0", "--context (0) must be")]
    [InlineData("--vocab-size -1", "--vocab-size (-1) must be")]
    [InlineData("--batch 0", "--batch (0) must be")]
    [InlineData("--accumulate -2", "--accumulate (-2) must be")]
    [InlineData("--steps 0", "--steps (0) must be")]
    [InlineData("--steps 3000000000", "--steps (3000000000) must be")]
    [InlineData("--learning-rate 0", "--learning-rate (0) must be a positive number.")]
    [InlineData("--learning-rate nan", "--learning-rate (nan) must be a positive number.")]
    [InlineData("--warmup-steps -1", "--warmup-steps (-1) must be a whole number from 0 of at most 2147483647.")]
    [InlineData("--warmup-steps 9", "--warmup-steps (9) must be at most --steps (8).")]
    [InlineData("--checkpoint-every -1", "--checkpoint-every (-1) must be")]
    [InlineData("--evaluate-every -1", "--evaluate-every (-1) must be")]
    [InlineData("--log-every 0", "--log-every (0) must be")]
    [InlineData("--precision fp8", "--precision (fp8) must be fp32, bf16 or fp16.")]
    [InlineData("--on-spike ignore", "--on-spike (ignore) must be stop, skip or rollback.")]
    [InlineData("--spike-window 5", "--spike-window belongs to --on-spike, which is not given.")]
    [InlineData("--on-spike skip --spike-window 5 --spike-warmup 6", "--spike-warmup (6) must be at least 2 and at most --spike-window (5).")]
    [InlineData("--minimum-delta 0.1", "--minimum-delta belongs to --patience, which is not given.")]
    [InlineData("--patience 3 --evaluate-every 0", "--patience needs evaluations: --evaluate-every (0) must be positive.")]
    [InlineData("--save both", "--save (both) must be last or best.")]
    [InlineData("--micro-batch 0", "--micro-batch (0) must be a positive whole number or auto.")]
    [InlineData("--validation-fraction 1", "--validation-fraction (1) must be a number from 0 to below 1.")]
    [InlineData("--resume --overwrite", "--resume and --overwrite exclude each other: one keeps the run in --output, the other replaces it.")]
    public void Gpt_WrongOption_NamesItAndEndsWith2(string options, string message)
    {
        using var folder = new TemporaryFolder();

        ToolResult result = TinyRun.Run(TinyRun.Data(folder), folder["run"], options.Split(' '));

        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.Contains($"error: {message}", result.Error);
        Assert.False(Directory.Exists(folder["run"]));
    }

    [Fact]
    public void Gpt_ReliabilityOptions_ReachTheTraining()
    {
        using var folder = new TemporaryFolder();

        // A rate of 1e-12 changes no loss by a tenth, so that every evaluation but the first is one without an improvement.
        JsonElement json = TinyRun.Complete(TinyRun.Data(folder), folder["run"], "--json", "--learning-rate", "1e-12", "--evaluate-every", "2", "--patience", "2", "--minimum-delta", "0.1", "--save", "best",
            "--micro-batch", "2", "--on-not-finite", "skip", "--on-spike", "rollback", "--spike-window", "6", "--keep-every", "2", "--deterministic").Json();

        Assert.Equal((6, true), (json.GetProperty("steps").GetInt32(), json.GetProperty("stoppedEarly").GetBoolean()));
        Assert.True(json.GetProperty("bestValidationLoss").GetDouble() <= json.GetProperty("validationLoss").GetDouble());
        string state = File.ReadAllText(Path.Combine(folder["run"], "checkpoints", "step-000006", "state.json"));
        Assert.Contains("NotFinite = Skip, Spike = RollBack, SpikeThreshold = 6, SpikeWindowSteps = 6, SpikeWarmupSteps = 3, MaxInARow = 10", state);
        Assert.Contains("\"microBatchSize\": 2", state);
        Assert.Contains("\"threads\": ", state);
        Assert.True(Directory.Exists(Path.Combine(folder["run"], "checkpoints", "step-000004")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Gpt_AnyTokenizer_IsUsedByTheRunAndWhatFollows(bool wordPiece)
    {
        using var folder = new TemporaryFolder();
        PipelineTokenizer tokenizer = wordPiece
            ? PipelineTokenizer.TrainWordPiece([TinyModel.Text(40)], new() { VocabSize = 89 }, cancellation: TestContext.Current.CancellationToken)
            : PipelineTokenizer.TrainUnigram([TinyModel.Text(40)], new() { VocabSize = 89, SpecialTokens = ["<unk>", "</s>"] }, cancellation: TestContext.Current.CancellationToken);
        tokenizer.Save(folder["tokenizer"]);
        string[] arguments = [.. TinyRun.Arguments(TinyRun.Data(folder), folder["run"], "--tokenizer", folder["tokenizer"])];
        int at = Array.IndexOf(arguments, "--vocab-size");

        ToolResult result = ToolRunner.Run([.. arguments[..at], .. arguments[(at + 2)..]]);

        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal(tokenizer.Fingerprint, TextTokenizer.Load(folder["run/model"]).Fingerprint);
        JsonElement text = ToolRunner.Run("generate", "--model", folder["run"], "--prompt", "The method", "--max-new-tokens", "7", "--json").Json();
        Assert.Equal(TextTokenizer.Load(folder["tokenizer"]).Decode(text.GetProperty("tokens").EnumerateArray().Select(id => id.GetInt32())).Trim(), text.GetProperty("text").GetString()!.Trim());
        Assert.Equal(0, ToolRunner.Run("evaluate", "perplexity", "--model", folder["run"], "--data", folder["text.txt"]).ExitCode);
    }

    [Fact]
    public void Gpt_TokenizerWithoutAnEnd_SaysSoAndEndsWith2()
    {
        using var folder = new TemporaryFolder();
        PipelineTokenizer.TrainUnigram([TinyModel.Text(40)], new() { VocabSize = 89 }, cancellation: TestContext.Current.CancellationToken).Save(folder["tokenizer"]);
        string[] arguments = [.. TinyRun.Arguments(TinyRun.Data(folder), folder["run"], "--tokenizer", folder["tokenizer"])];
        int at = Array.IndexOf(arguments, "--vocab-size");

        ToolResult result = ToolRunner.Run([.. arguments[..at], .. arguments[(at + 2)..]]);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("error: The tokenizer has no end-of-text token and no separator, and a token store ends every document with it.", result.Error);
        Assert.False(Directory.Exists(folder["run"]));
    }

    [Fact]
    public void Gpt_SeveralWrongOptions_NamesAll()
    {
        ToolResult result = ToolRunner.Run("gpt", "--data", "x", "--output", "y", "--steps", "0", "--batch", "-1", "--preset", "huge");

        Assert.Equal(2, result.ExitCode);
        foreach (string option in new[] { "--steps (0)", "--batch (-1)", "--preset (huge)" }) Assert.Contains(option, result.Error);
    }

    [Fact]
    public void Gpt_DataOfBothKinds_EndsWith2()
    {
        using var folder = new TemporaryFolder();

        ToolResult result = ToolRunner.Run("gpt", "--data", "sdk-docs", TinyRun.Data(folder), "--output", folder["run"]);

        Assert.Equal(2, result.ExitCode);
        Assert.StartsWith("error: --data takes either sdk-docs or files; it was given both (sdk-docs ", result.Error);
        Assert.False(Directory.Exists(folder["run"]));
    }

    [Fact]
    public void Gpt_BadData_NamesTheFileAndLeavesNothingBehind()
    {
        using var folder = new TemporaryFolder();
        string empty = folder.Write("empty.txt", ""), binary = folder.Write("binary.txt", [.. "abcé"u8, 0xC3, 0x28]), shortText = folder.Write("short.txt", "ab");
        Directory.CreateDirectory(folder["folder"]);
        foreach (var (data, message) in new[]
        {
            (folder["none.txt"], $"The file '{folder["none.txt"]}' does not exist. Check the name;"),
            (folder["none/*.txt"], $"The pattern '{folder["none/*.txt"]}' matches no file: the folder '{folder["none/"]}' does not exist."),
            (folder["folder/*.txt"], $"The pattern '{folder["folder/*.txt"]}' matches no file below"),
            (folder["folder"], $"'{folder["folder"]}' is a folder, and a corpus is made of files."),
            (empty, $"The file '{empty}' is empty; a document must hold text."),
            (binary, $"The file '{binary}' is not UTF-8: the byte 0xC3 at offset 5 is not valid there."),
            (shortText, "The corpus is too short: 2 tokens are left for training, and one context of --context (13) takes 14. Use more text or a shorter --context."),
        })
        {
            ToolResult result = TinyRun.Run(data, folder["run"], "--json");

            Assert.Equal((3, ""), (result.ExitCode, result.Output));
            Assert.Contains($"error: {message}", result.Error);
            Assert.False(Directory.Exists(folder["run"]), data);
        }
        Assert.Equal(["binary.txt", "empty.txt", "folder", "short.txt"], Directory.EnumerateFileSystemEntries(folder.Path).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Gpt_UnreadableData_NamesTheFileAndEndsWith3()
    {
        using var folder = new TemporaryFolder();
        string data = TinyRun.Data(folder);
        if (OperatingSystem.IsWindows()) Assert.Skip("Permissions are set in another way here.");
        else File.SetUnixFileMode(data, UnixFileMode.None);
        try
        {
            using (File.OpenRead(data)) Assert.Skip("This user reads every file.");
        }
        catch (UnauthorizedAccessException)
        {
            // As it should be.
        }

        ToolResult result = TinyRun.Run(data, folder["run"]);

        Assert.Equal(3, result.ExitCode);
        Assert.StartsWith($"error: The file '{data}' cannot be read: ", result.Error);
        Assert.False(Directory.Exists(folder["run"]));
    }

    [Fact]
    public void Gpt_CudaWithoutADevice_EndsWith5AndLeavesNothingBehind()
    {
        Assert.SkipWhen(torch.cuda.is_available(), "This machine has a CUDA device.");
        using var folder = new TemporaryFolder();

        ToolResult result = TinyRun.Run(TinyRun.Data(folder), folder["run"], "--device", "cuda");

        Assert.Equal(5, result.ExitCode);
        Assert.StartsWith("error: --device cuda: ", result.Error);
        Assert.False(Directory.Exists(folder["run"]));
    }

    [Fact]
    public void Gpt_FolderWithARun_IsRefusedAndKept()
    {
        using var folder = new TemporaryFolder();
        string data = TinyRun.Data(folder);
        TinyRun.Complete(data, folder["run"]);
        Dictionary<string, byte[]> before = Contents(folder["run"]);

        ToolResult result = TinyRun.Run(data, folder["run"], "--seed", "5");

        Assert.Equal((2, $"error: --output ({folder["run"]}) already holds a run. Go on with it with --resume, replace it with --overwrite, or choose another folder.\n"),
            (result.ExitCode, result.Error));
        Assert.Equal(before, Contents(folder["run"]));
    }

    [Fact]
    public void Gpt_Overwrite_ReplacesTheRunAndKeepsOtherFiles()
    {
        using var folder = new TemporaryFolder();
        string data = TinyRun.Data(folder);
        TinyRun.Complete(data, folder["run"], "--vocab-size", "290");
        folder.Write("run/notes.txt", "mine");
        TinyRun.Complete(data, folder["fresh"]);

        TinyRun.Complete(data, folder["run"], "--overwrite");

        Assert.Equal(TinyRun.Metrics(folder["fresh"]), TinyRun.Metrics(folder["run"]));
        Assert.Equal("mine", File.ReadAllText(folder["run/notes.txt"]));
        Assert.Empty(Directory.GetDirectories(folder["run"], ".*"));
    }

    [Theory]
    [InlineData("Tokenizing the corpus.")]
    [InlineData(CancellingWriter.BeforeTheFirstStep)]
    public void Gpt_OverwriteCancelledBeforeTheFirstStep_LeavesARunThatGoesOn(string said)
    {
        using var folder = new TemporaryFolder();
        string data = TinyRun.Data(folder), other = folder.Write("other.txt", TinyModel.Text(300, seed: 18));
        TinyRun.Complete(data, folder["run"]);
        Dictionary<string, byte[]> before = Contents(folder["run"]);

        ToolResult cancelled = CancellingWriter.Run(said, TinyRun.Arguments(other, folder["run"], "--overwrite"));

        Assert.True(cancelled.ExitCode == 130, cancelled.Error);
        Assert.Equal(before, Contents(folder["run"]));
        TinyRun.Complete(data, folder["run"], "--resume", "--steps", "9");
    }

    [Fact]
    public void Gpt_ResumeAfterAnOverwritingRunThatWasKilledBeforeItsFirstStep_GoesOnWithTheFormer()
    {
        using var folder = new TemporaryFolder();
        string data = TinyRun.Data(folder);
        TinyRun.Complete(data, folder["run"]);
        Dictionary<string, byte[]> before = Contents(folder["run/tokens"]);
        Directory.Move(folder["run/tokens"], folder["run/.former-tokens"]);
        folder.Write("run/tokens/corpus.json", "{}");
        folder.Write("run/.deleted-tokens/corpus.json", "{}");

        TinyRun.Complete(data, folder["run"], "--resume", "--steps", "9");

        Assert.Equal(before, Contents(folder["run/tokens"]));
        Assert.Empty(Directory.GetDirectories(folder["run"], ".*"));
    }

    [Fact]
    public void Gpt_CheckpointCannotBeWritten_EndsWith5()
    {
        using var folder = new TemporaryFolder();
        folder.Write("run/checkpoints/step-000004", "");   // in the way

        ToolResult result = TinyRun.Run(TinyRun.Data(folder), folder["run"], "--resume");

        Assert.Equal(5, result.ExitCode);
        Assert.Contains("step-000004: the checkpoint could not be written: ", result.Error);
    }

    [Fact]
    public void Gpt_OutputIsAFile_EndsWith2()
    {
        using var folder = new TemporaryFolder();
        string data = TinyRun.Data(folder);

        ToolResult result = TinyRun.Run(data, data);

        Assert.Equal((2, $"error: --output ({data}) is a file; it must be a folder, or a name that is free.\n"), (result.ExitCode, result.Error));
    }

    [Theory]
    [InlineData("--layers 3", "n_layer (checkpoint: 2, now: 3)")]
    [InlineData("--context 11", "n_positions (checkpoint: 13, now: 11)")]
    [InlineData("--vocab-size 290", "--vocab-size (290) must be 283 as when the run in '{0}' was started.")]
    [InlineData("--seed 9", "seed (checkpoint: 0, now: 9)")]
    public void Gpt_ResumeWithOtherSettings_IsRefusedAndTheRunKept(string options, string message)
    {
        using var folder = new TemporaryFolder();
        string data = TinyRun.Data(folder);
        TinyRun.Complete(data, folder["run"]);
        Dictionary<string, byte[]> before = Contents(folder["run"]);

        ToolResult result = TinyRun.Run(data, folder["run"], ["--resume", .. options.Split(' ')]);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains(string.Format(message, folder["run"]), result.Error);
        Assert.Equal(before, Contents(folder["run"]));
    }

    [Fact]
    public void Gpt_ResumeWithOtherTextOrTokenizer_IsRefused()
    {
        using var folder = new TemporaryFolder();
        string data = TinyRun.Data(folder), other = folder.Write("other.txt", TinyModel.Text(300, seed: 18));
        TinyRun.Complete(data, folder["run"]);
        ByteLevelBpeTokenizer.Train([TinyModel.Text(40)], new() { VocabSize = 271 }, cancellation: TestContext.Current.CancellationToken).Save(folder["tokenizer"]);
        string[] arguments = [.. TinyRun.Arguments(data, folder["run"], "--resume", "--tokenizer", folder["tokenizer"])];
        int at = Array.IndexOf(arguments, "--vocab-size");

        ToolResult text = TinyRun.Run(other, folder["run"], "--resume"), tokenizer = ToolRunner.Run([.. arguments[..at], .. arguments[(at + 2)..]]);

        Assert.Equal((2, $"error: --data holds other text than the corpus that the run in '{folder["run"]}' was started with. Pass the same --data, or start anew with --overwrite or another --output.\n"),
            (text.ExitCode, text.Error));
        Assert.Equal(2, tokenizer.ExitCode);
        Assert.StartsWith($"error: --tokenizer names another tokenizer (271 tokens) than the one that the run in '{folder["run"]}' was started with (283 tokens).", tokenizer.Error);
    }

    [Theory]
    [InlineData("optimizer.safetensors", true)]
    [InlineData("model/model.safetensors", false)]
    public void Gpt_ResumeWithABrokenCheckpoint_NamesItAndTakesTheOneBefore(string file, bool truncate)
    {
        using var folder = new TemporaryFolder();
        string data = TinyRun.Data(folder), broken = Path.Combine(folder["run/checkpoints/step-000008"], file);
        TinyRun.Complete(data, folder["run"]);
        string metrics = TinyRun.Metrics(folder["run"]);
        Damage(broken, truncate);

        ToolResult result = TinyRun.Run(data, folder["run"], "--resume");

        Assert.Equal(0, result.ExitCode);
        Assert.Contains($"warning: Skipped a broken checkpoint: {broken}: ", result.Error);
        Assert.Contains($"Resuming from {folder["run/checkpoints/step-000004"]}", result.Error);
        Assert.Equal(metrics, TinyRun.Metrics(folder["run"]));
    }

    [Fact]
    public void Gpt_ResumeWithBrokenCheckpointsOnly_NamesThemAndEndsWith3()
    {
        using var folder = new TemporaryFolder();
        string data = TinyRun.Data(folder);
        TinyRun.Complete(data, folder["run"]);
        string[] broken = [folder["run/checkpoints/step-000004/optimizer.safetensors"], folder["run/checkpoints/step-000008/state.json"]];
        Damage(broken[0], truncate: true);
        Damage(broken[1], truncate: false);

        ToolResult result = TinyRun.Run(data, folder["run"], "--resume");

        Assert.Equal(3, result.ExitCode);
        Assert.All(broken, file => Assert.Contains(file, result.Error));
    }

    [Fact]
    public void Gpt_ResumeOfACompleteRun_ChangesNothing()
    {
        using var folder = new TemporaryFolder();
        string data = TinyRun.Data(folder);
        JsonElement first = TinyRun.Complete(data, folder["run"], "--json").Json();
        string metrics = TinyRun.Metrics(folder["run"]);

        JsonElement second = TinyRun.Complete(data, folder["run"], "--resume", "--json").Json();

        Assert.Equal(metrics, TinyRun.Metrics(folder["run"]));
        foreach (string key in new[] { "steps", "tokens", "trainLoss", "validationLoss" }) Assert.Equal(first.GetProperty(key).ToString(), second.GetProperty(key).ToString());
    }

    [Fact]
    public void Gpt_LossThatIsNotFinite_NamesTheStepDumpsTheBatchAndEndsWith4()
    {
        using var folder = new TemporaryFolder();

        ToolResult result = TinyRun.Run(TinyRun.Data(folder), folder["run"], "--learning-rate", "1e30", "--warmup-steps", "0", "--json");

        Assert.Equal((4, ""), (result.ExitCode, result.Output));
        string dump = Assert.Single(Directory.GetFiles(folder["run"], "not-finite-step-*.txt"));
        Assert.Matches(@"error: The (loss|gradient norm) of step \d+ is (NaN|Infinity|∞)\. The batch is in ", result.Error);
        Assert.Contains(dump, result.Error);
        Assert.False(Directory.Exists(folder["run/model"]));
    }

    [Theory]
    [InlineData("", " --resume")]
    [InlineData("--overwrite", "")]   // what would have been overwritten is not what should go on
    public void Gpt_CancelledBeforeTheFirstStep_LeavesNothingBehindAndEndsWith130(string option, string resumed)
    {
        using var folder = new TemporaryFolder();
        using StringWriter output = new(), error = new();
        string[] arguments = [.. TinyRun.Arguments(TinyRun.Data(folder), folder["run"]), .. option.Split(' ', StringSplitOptions.RemoveEmptyEntries)];

        int code = Tool.Run(arguments, output, error, new CancellationToken(canceled: true));

        Assert.Equal(130, code);
        Assert.Contains($"Interrupted before the first step. Start again with: pretrain {string.Join(' ', arguments)}{resumed}{Environment.NewLine}", error.ToString());
        Assert.False(Directory.Exists(folder["run"]));
    }

    private static Dictionary<string, byte[]> Contents(string folder) =>
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).ToDictionary(path => path, File.ReadAllBytes);

    private static void Damage(string file, bool truncate)
    {
        using var stream = new FileStream(file, FileMode.Open);
        if (truncate)
        {
            stream.SetLength(stream.Length - 1);
            return;
        }
        stream.Position = stream.Length / 2;
        int value = stream.ReadByte();
        stream.Position--;
        stream.WriteByte((byte)(value ^ 1));
    }

    [Theory]
    [InlineData("sgd", "--momentum", "0.8", "--nesterov")]
    [InlineData("adam", "--beta1", "0.8")]
    [InlineData("adamax", "--beta2", "0.8")]
    [InlineData("adamw", "--weight-decay", "0.2", "--ema", "0.9")]
    [InlineData("adamw8bit", "--epsilon", "1e-7", "--swa", "3")]
    [InlineData("rmsprop", "--momentum", "0.5")]
    [InlineData("adagrad", "--weight-decay", "0.01", "--l1", "1e-5")]
    [InlineData("adafactor", "--beta1", "0.9", "--plateau", "0")]
    [InlineData("lion", "--beta1", "0.95", "--clip-value", "0.5")]
    [InlineData("lamb", "--clip-norm", "0", "--l2", "1e-4")]
    [InlineData("muon", "--momentum", "0.9", "--layer-decay", "0.9", "--freeze", "position_*")]
    public void Gpt_AnyOptimizer_LearnsAndResumes(string optimizer, params string[] options)
    {
        using var folder = new TemporaryFolder();
        string data = TinyRun.Data(folder);
        ToolResult result = TinyRun.Complete(data, folder["run"], ["--optimizer", optimizer, "--steps", "30", "--json", .. options]);
        Assert.InRange(result.Json().GetProperty("validationLoss").GetDouble(), 1, Math.Log(283) - 0.005);
        TinyRun.Complete(data, folder["run"], ["--optimizer", optimizer, "--steps", "31", "--resume", .. options]);
    }

    [Fact]
    public void Gpt_AdamWByName_IsTheSameRun()
    {
        using var folder = new TemporaryFolder();
        string data = TinyRun.Data(folder);
        TinyRun.Complete(data, folder["a"]);
        TinyRun.Complete(data, folder["b"], "--optimizer", "adamw", "--schedule", "cosine");
        Assert.Equal(TinyRun.Metrics(folder["a"]), TinyRun.Metrics(folder["b"]));
        foreach (string file in new[] { "optimizer.safetensors", "state.json" })
            Assert.Equal(File.ReadAllBytes(folder[$"a/checkpoints/step-000008/{file}"]), File.ReadAllBytes(folder[$"b/checkpoints/step-000008/{file}"]));
    }

    [Fact]
    public void Gpt_GradientNoise_IsInTheMetrics()
    {
        using var folder = new TemporaryFolder();
        TinyRun.Complete(TinyRun.Data(folder), folder["run"], "--accumulate", "2", "--gradient-noise");
        Assert.Contains("\"gradientNoiseScale\":", TinyRun.Metrics(folder["run"]));
    }

    [Fact]
    public void Gpt_OptionsThatDoNotFit_AreAllNamed()
    {
        using var folder = new TemporaryFolder();
        ToolResult result = TinyRun.Run(TinyRun.Data(folder), folder["run"], "--optimizer", "lion", "--momentum", "0.5", "--epsilon", "1e-3", "--ema", "0.9", "--swa", "9", "--plateau", "1", "--evaluate-every", "0", "--gradient-noise");
        Assert.Equal(2, result.ExitCode);
        Assert.Equal(["error: --epsilon does not belong to --optimizer lion.", "--momentum does not belong to --optimizer lion.", "--ema and --swa exclude each other: both are the average that is saved.",
            "--swa (9) must be at most --steps (8).", "--plateau needs evaluations: --evaluate-every must not be 0.", "--gradient-noise compares micro-batches: --accumulate (1) must be at least 2."],
            result.Error.ReplaceLineEndings("\n").TrimEnd().Split('\n'));
        Assert.False(Directory.Exists(folder["run"]));
    }
}
