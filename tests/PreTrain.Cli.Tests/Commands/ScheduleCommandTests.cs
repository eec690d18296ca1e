using System.Globalization;
using System.Text.Json;
using PreTrain.Optimization;
using PreTrain.Training;

namespace PreTrain.Cli.Tests.Commands;

public class ScheduleCommandTests
{
    [Fact]
    public void Schedule_Json_HasTheRateOfEveryStepAsATrainingHasThem()
    {
        ToolResult result = ToolRunner.Run("schedule", "--steps", "200", "--learning-rate", "0.5", "--json");

        Assert.Equal(["schedule", "steps", "warmupSteps", "learningRates"], result.Keys());
        JsonElement json = result.Json();
        LearningRateSchedule expected = new TrainingOptions { Output = "x", Steps = 200, LearningRate = 0.5 }.Schedule;
        Assert.Equal(Enumerable.Range(0, 200).Select(expected.At), json.GetProperty("learningRates").EnumerateArray().Select(rate => rate.GetDouble()));
        Assert.Equal(("cosine", 200, 10), (json.GetProperty("schedule").GetString(), json.GetProperty("steps").GetInt32(), json.GetProperty("warmupSteps").GetInt32()));
    }

    [Theory]
    [InlineData("linear", "--minimum-learning-rate 0 --warmup-steps 0", 8, 1 - 8.0 / 20)]
    [InlineData("constant", "", 19, 1)]
    [InlineData("cosine", "--minimum-learning-rate 0 --warmup-steps 0", 10, 0.5)]
    [InlineData("cosine-restarts", "--warmup-steps 0 --cycle-steps 4 --cycle-factor 2", 12, 1)]
    [InlineData("polynomial", "--power 3 --minimum-learning-rate 0 --warmup-steps 0", 10, 0.125)]
    [InlineData("inverse-sqrt", "--timescale-steps 5 --warmup-steps 4 --minimum-learning-rate 0", 19, 0.5)]
    [InlineData("wsd", "--decay-steps 10 --final-decay 1-sqrt --minimum-learning-rate 0", 19, 0.051316701949486)]
    [InlineData("one-cycle", "--rise-share 0.55 --start-divisor 10", 0, 0.1)]
    [InlineData("one-cycle", "--rise-share 0.55 --start-divisor 10", 10, 1)]
    [InlineData("step", "--step-size 7 --step-factor 0.5 --warmup-steps 0", 14, 0.25)]
    public void Schedule_EveryForm_TakesItsOptions(string name, string options, int step, double expected)
    {
        ToolResult result = ToolRunner.Run(["schedule", "--schedule", name, "--steps", "20", "--learning-rate", "1", .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--json"]);
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal(expected, result.Json().GetProperty("learningRates")[step].GetDouble(), 9);
        Assert.Equal(name, result.Json().GetProperty("schedule").GetString());
    }

    [Fact]
    public void Schedule_Text_IsALineForEachStep()
    {
        ToolResult result = ToolRunner.Run("schedule", "--schedule", "linear", "--steps", "4", "--learning-rate", "0.5", "--warmup-steps", "2", "--minimum-learning-rate", "0.1");
        Assert.Equal("1\t0.25\n2\t0.5\n3\t0.5\n4\t0.3\n", result.Output.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void Schedule_Plot_DrawsTheRates()
    {
        ToolResult result = ToolRunner.Run("schedule", "--schedule", "linear", "--steps", "6", "--learning-rate", "0.5", "--warmup-steps", "0", "--minimum-learning-rate", "0", "--plot");
        string[] lines = result.Output.ReplaceLineEndings("\n").TrimEnd().Split('\n');
        Assert.Equal(14, lines.Length);
        // Six columns whose heights are 12, 10, 8, 6, 4 and 2 rows.
        Assert.Equal("       0.5 │█", lines[0]);
        Assert.Equal("           │██", lines[3]);
        Assert.Equal("         0 │██████", lines[11]);
        Assert.Equal("           └──────", lines[12]);
        Assert.Equal("            1    6", lines[13]);
        Assert.Equal(12 + 10 + 8 + 6 + 4 + 2, result.Output.Count(c => c == '█'));
    }

    [Fact]
    public void Schedule_PlotOfManySteps_IsAsWideAsATerminal()
    {
        ToolResult result = ToolRunner.Run("schedule", "--schedule", "wsd", "--steps", "100000", "--plot");
        Assert.All(result.Output.Split('\n'), line => Assert.InRange(line.Length, 0, 84));
        Assert.EndsWith("100000", result.Output.TrimEnd());
    }

    [Fact]
    public void Schedule_OptionsOfAnotherForm_AreAllNamed()
    {
        ToolResult result = ToolRunner.Run("schedule", "--steps", "10", "--learning-rate", "0.1", "--power", "2", "--step-size", "3", "--minimum-learning-rate", "0.2", "--warmup-steps", "11");
        Assert.Equal(2, result.ExitCode);
        Assert.Equal(["error: --power belongs to --schedule polynomial, and the schedule is cosine.", "--step-size belongs to --schedule step, and the schedule is cosine.",
            "--minimum-learning-rate (0.2) must be at most --learning-rate (0.1).", "--warmup-steps (11) must be at most --steps (10)."], result.Error.ReplaceLineEndings("\n").TrimEnd().Split('\n'));
    }

    [Theory]
    [InlineData("--schedule", "exponential", "--schedule (exponential) must be cosine, linear, constant, cosine-restarts, polynomial, inverse-sqrt, wsd, one-cycle or step.")]
    [InlineData("--rise-share", "1", "--rise-share (1) must be a number above 0 and below 1.")]
    public void Schedule_WrongValue_NamesTheRule(string option, string value, string message)
    {
        ToolResult result = ToolRunner.Run("schedule", option, value);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(message, result.Error);
    }

    [Fact]
    public void Gpt_Schedule_IsThatOfTheCommand()
    {
        using var folder = new TemporaryFolder();
        string[] options = ["--schedule", "wsd", "--decay-steps", "3", "--learning-rate", "0.01", "--warmup-steps", "2"];
        TinyRun.Complete(TinyRun.Data(folder), folder["run"], options);
        double[] expected = [.. ToolRunner.Run(["schedule", "--steps", TinyRun.Steps.ToString(CultureInfo.InvariantCulture), .. options, "--json"]).Json().GetProperty("learningRates").EnumerateArray().Select(rate => rate.GetDouble())];
        double[] actual = [.. TinyRun.Metrics(folder["run"]).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)
            .Where(line => line.TryGetProperty("learningRate", out _)).Select(line => line.GetProperty("learningRate").GetDouble())];
        Assert.Equal(expected, actual);
    }
}
