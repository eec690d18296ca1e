using System.CommandLine;
using System.Globalization;
using PreTrain.Cli.Display;
using PreTrain.Cli.Hosting;
using PreTrain.Optimization;
using PreTrain.Training;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain schedule</c>: the learning rate of every step of a training that is yet to be.</summary>
internal sealed class ScheduleCommand
{
    private static readonly TrainingOptions s_defaults = new() { Output = "none" };

    private readonly ScheduleChoice _schedule = new();
    private readonly Option<int?> _steps = Options.Positive("--steps", $"Updates of the weights. The default is {s_defaults.Steps}.");
    private readonly Option<double?> _learningRate = Options.Number("--learning-rate", "The highest learning rate. The default is 1e-3.", rate => rate > 0, "must be a positive number");
    private readonly Option<bool> _plot = new("--plot") { Description = "Draw a chart in place of a line for each step." };

    public static void AddTo(Command root, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var options = new ScheduleCommand();
        var command = new Command("schedule", "Shows the learning rate of every step.") { options._steps, options._learningRate, options._plot };
        foreach (Option option in options._schedule.All) command.Options.Add(option);
        add(root, command, options.Run);
    }

    private void Run(ParseResult parsed, Session session)
    {
        TrainingOptions training = _schedule.Apply(parsed, s_defaults with
        {
            Steps = parsed.GetValue(_steps) ?? s_defaults.Steps,
            LearningRate = parsed.GetValue(_learningRate) ?? s_defaults.LearningRate,
        });
        training.Validate();
        LearningRateSchedule schedule = training.Schedule;
        double[] rates = [.. Enumerable.Range(0, training.Steps).Select(schedule.At)];
        session.Result(json =>
        {
            json.WriteString("schedule", ScheduleChoice.NameOf(schedule.Decay));
            json.WriteNumber("steps", training.Steps);
            json.WriteNumber("warmupSteps", schedule.WarmupSteps);
            json.WriteStartArray("learningRates");
            foreach (double rate in rates) json.WriteNumberValue(rate);
            json.WriteEndArray();
        }, text =>
        {
            if (parsed.GetValue(_plot))
            {
                foreach (string line in BarChart.Draw(rates)) text.WriteLine(line);
                return;
            }
            for (int step = 0; step < rates.Length; step++) text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{step + 1}\t{rates[step]:G6}"));
        });
    }
}
