using System.Text.Json;
using System.Text.Json.Nodes;

namespace PreTrain.Cli.Tests.Commands;

public class RunConfigurationTests
{
    private static readonly string[] s_ofACall = ["--config", "--print-config", "--resume", "--overwrite", "--help", "--version", "--json", "--quiet", "--verbose"];

    [Theory]
    [InlineData("gpt", new string[0])]
    [InlineData("gpt", new[] { "--optimizer", "sgd", "--momentum", "0.8", "--nesterov", "--schedule", "wsd", "--decay-steps", "3", "--final-decay", "1-sqrt", "--ema", "0.9", "--freeze", "*.bias", "--threads", "1", "--seed", "7" })]
    [InlineData("gpt", new[] { "--optimizer", "muon", "--beta2", "0.97", "--epsilon", "1e-7", "--schedule", "one-cycle", "--swa", "3", "--accumulate", "2", "--gradient-noise", "--plateau", "1" })]
    [InlineData("bert", new[] { "--objective", "sentence-order", "--whole-word", "--mask-rate", "0.3", "--schedule", "step" })]
    [InlineData("t5", new[] { "--mean-span", "2", "--schedule", "cosine-restarts", "--optimizer", "adafactor", "--layer-decay", "0.9" })]
    public void RunJson_ReadBack_IsTheSameRun(string family, string[] options)
    {
        using var folder = new TemporaryFolder();
        string[] arguments = [family, .. TinyRun.Arguments(TinyRun.Data(folder), folder["a"], ["--heads", "2", "--embedding", "16", "--context", "17", .. options])[1..]];
        ToolResult first = ToolRunner.Run(arguments);
        Assert.True(first.ExitCode == 0, first.Error);

        ToolResult second = ToolRunner.Run(family, "--config", folder["a/run.json"], "--output", folder["b"]);

        Assert.True(second.ExitCode == 0, second.Error);
        Assert.Equal(TinyRun.Metrics(folder["a"]), TinyRun.Metrics(folder["b"]));
        Assert.Equal(File.ReadAllText(folder["a/run.json"]).Replace(JsonSerializer.Serialize(folder["a"]), JsonSerializer.Serialize(folder["b"])), File.ReadAllText(folder["b/run.json"]));
        Assert.Equal(File.ReadAllText(folder["b/run.json"]), ToolRunner.Run(family, "--config", folder["b/run.json"], "--print-config").Output);
    }

    [Theory]
    [InlineData("gpt")]
    [InlineData("bert")]
    [InlineData("electra")]
    [InlineData("t5")]
    public void PrintConfig_AnyFamily_HoldsEveryOption(string family)
    {
        JsonObject printed = JsonNode.Parse(ToolRunner.Run(family, "--data", "x", "--output", "y", "--print-config").Output)!.AsObject();
        string[] keys = [.. printed.Where(member => member.Key != "command").SelectMany(member => member.Value is JsonObject group ? group.Select(inner => inner.Key) : [member.Key])];
        string[] options = [.. ToolRunner.Run(family, "--help").Output.Split('\n').Select(line => line.Trim().Split(' ')[0]).Where(word => word.StartsWith("--", StringComparison.Ordinal)).Except(s_ofACall)];

        Assert.Equal(family, printed["command"]!.GetValue<string>());
        Assert.Equal(options.Select(option => option[2..]).Order(StringComparer.Ordinal), keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void PrintConfig_Defaults_AreTheEffectiveOnes()
    {
        JsonElement printed = ToolRunner.Run("gpt", "--data", "x", "--output", "y", "--embedding", "768", "--heads", "12", "--steps", "300", "--optimizer", "lion", "--print-config").Json();

        Assert.Equal((6e-4 / 5, 6e-4 / 50, 15), (printed.GetProperty("optimizer").GetProperty("learning-rate").GetDouble(),
            printed.GetProperty("schedule").GetProperty("minimum-learning-rate").GetDouble(), printed.GetProperty("schedule").GetProperty("warmup-steps").GetInt32()));
        Assert.Equal(JsonValueKind.Null, printed.GetProperty("optimizer").GetProperty("epsilon").ValueKind);
        Assert.False(Directory.Exists("y"));
    }

    [Theory]
    [InlineData("""{"training": {"steps": 0}}""", "training.steps (0) must be a positive whole number of at most 2147483647.")]
    [InlineData("""{"training": {"steps": 2.5}}""", "training.steps (2.5) must be a positive whole number of at most 2147483647.")]
    [InlineData("""{"training": {"steps": "9"}}""", "training.steps (\"9\"): must be a number.")]
    [InlineData("""{"training": {"gradient-noise": 1}}""", "training.gradient-noise (1): must be true or false.")]
    [InlineData("""{"data": [3]}""", "data ([3]): must be a list of strings that are not empty.")]
    [InlineData("""{"output": ""}""", "output (\"\"): must be a string that is not empty.")]
    [InlineData("""{"optimizer": {"optimizer": "adamx"}}""", "optimizer.optimizer (adamx) must be adamw, adam,")]
    [InlineData("""{"optimizer": {"beta1": 1}}""", "optimizer.beta1 (1) must be a number from 0 to below 1.")]
    [InlineData("""{"stepz": 9}""", "stepz (9) is not known; the top level takes command, data, output, ")]
    [InlineData("""{"steps": 9}""", "steps (9) belongs into training.")]
    [InlineData("""{"model": {"data": "x"}}""", "model.data (\"x\") belongs to the top level.")]
    [InlineData("""{"model": {"depth": 9}}""", "model.depth (9) is not known; model takes preset, layers, heads, embedding, context or dropout.")]
    [InlineData("""{"model": 9}""", "model (9) must be an object.")]
    [InlineData("""{"training": {"resume": true}}""", "training.resume (true) is of a call, not of a run; it is for the command line.")]
    [InlineData("""{"objective": {"mask-rate": 0.2}}""", "objective.mask-rate (0.2) is not known; objective takes objective.")]
    [InlineData("""{"command": "bert"}""", "command (\"bert\") must be \"gpt\", the command that is called.")]
    [InlineData("[]", "its top level must be an object.")]
    public void Config_WrongEntry_NamesFileKeyValueAndRule(string json, string message)
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("my run.json", json);

        ToolResult result = ToolRunner.Run("gpt", "--data", "x", "--output", folder["run"], "--config", file);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains($"error: The file '{file}': {message}", result.Error);
        Assert.False(Directory.Exists(folder["run"]));
    }

    [Fact]
    public void PrintConfig_PresetWhoseHeadsAreNoShareOfItsWidth_IsTaken()
    {
        ToolResult result = ToolRunner.Run("t5", "--data", "x", "--output", "y", "--preset", "t5-v1.1-small", "--micro-batch", "auto", "--print-config");

        Assert.True(result.ExitCode == 0, result.Error);
        JsonElement json = JsonDocument.Parse(result.Output).RootElement;
        Assert.Equal((512, 6), (json.GetProperty("model").GetProperty("embedding").GetInt32(), json.GetProperty("model").GetProperty("heads").GetInt32()));
        Assert.Equal("auto", json.GetProperty("training").GetProperty("micro-batch").GetString());
        Assert.Equal("stop", json.GetProperty("reliability").GetProperty("on-not-finite").GetString());
    }

    [Fact]
    public void Config_SeveralFaults_AreToldTogether()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("run.json", """{"training": {"steps": 0, "batch": -1}}""");

        string error = ToolRunner.Run("gpt", "--data", "x", "--output", "y", "--config", file).Error;

        Assert.Contains("training.steps (0) must", error);
        Assert.Contains("training.batch (-1) must", error);
    }

    [Theory]
    [InlineData("{", "is not valid JSON")]
    [InlineData("""{"data": "x", "data": "y"}""", "is not valid JSON")]
    [InlineData(null, "cannot be read")]
    public void Config_NoSuchFileOrNoJson_IsBadInput(string? json, string message)
    {
        using var folder = new TemporaryFolder();
        string file = folder["run.json"];
        if (json is not null) folder.Write("run.json", json);

        ToolResult result = ToolRunner.Run("gpt", "--config", file, "--print-config");

        Assert.Equal(3, result.ExitCode);
        Assert.Contains($"error: The file '{file}' {message}", result.Error);
    }

    [Fact]
    public void Config_CommandLine_WinsAndAChoiceSetsItsGroupAside()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("run.json", """
            {
              // sizes
              "data": ["a.txt", "b=c.txt"], "output": "-y",
              "tokenizer": {"vocab-size": 301},
              "model": {"preset": "nano", "layers": 7, "context": 33},
              "training": {"steps": 40, "batch": 3},
              "optimizer": {"optimizer": "adamw", "learning-rate": 0.5, "beta1": 0.7,},
            }
            """);
        JsonElement Print(params string[] more) => ToolRunner.Run(["gpt", "--config", file, "--print-config", .. more]).Json();

        JsonElement plain = Print(), other = Print("--steps", "50", "--optimizer", "sgd", "--tokenizer", "somewhere", "--preset", "gpt2-small"), same = Print("--optimizer", "AdamW", "--layers", "5");
        Assert.Equal(["a.txt", "b=c.txt"], plain.GetProperty("data").EnumerateArray().Select(text => text.GetString()));
        Assert.Equal("-y", plain.GetProperty("output").GetString());
        Assert.Equal((40, 3, 7, 33), (Number(plain, "training", "steps"), Number(plain, "training", "batch"), Number(plain, "model", "layers"), Number(plain, "model", "context")));
        Assert.Equal((50, 3, 12, 1024), (Number(other, "training", "steps"), Number(other, "training", "batch"), Number(other, "model", "layers"), Number(other, "model", "context")));
        Assert.Equal(0.1, other.GetProperty("optimizer").GetProperty("learning-rate").GetDouble());
        Assert.Equal(JsonValueKind.Null, other.GetProperty("tokenizer").GetProperty("vocab-size").ValueKind);
        Assert.Equal((0.7, 5), (same.GetProperty("optimizer").GetProperty("beta1").GetDouble(), Number(same, "model", "layers")));

        static int Number(JsonElement json, string group, string key) => json.GetProperty(group).GetProperty(key).GetInt32();
    }

    [Fact]
    public void Interrupted_RunWithAConfig_SaysHowToGoOnWithIt()
    {
        using var folder = new TemporaryFolder();
        string[] arguments = TinyRun.Arguments(TinyRun.Data(folder), folder["run"]);
        string file = folder.Write("run.json", ToolRunner.Run([.. arguments, "--print-config"]).Output);
        using StringWriter output = new(), error = new();
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();

        int code = Tool.Run(["gpt", "--config", file, "--steps", "9"], output, error, cancelled.Token);

        Assert.Equal(130, code);
        Assert.Contains($"pretrain gpt --config {file} --steps 9 --resume", error.ToString());
    }
}
