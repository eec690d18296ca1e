using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Reports;
using PreTrain.Training;

namespace PreTrain.Cli.Commands;

/// <summary>The callbacks that tell about a run, in the order in which they need each other.</summary>
internal sealed class RunReports : IDisposable
{
    private readonly JsonObject _configuration;
    private HtmlReport? _page;
    private TensorBoardCallback? _tensorBoard;

    public RunReports(JsonObject configuration) => _configuration = configuration;

    public required EfficiencyMeter Efficiency { get; init; }

    public required TextSamples? Samples { get; init; }

    public required StepProfiler? Profiler { get; init; }

    public required ReportKinds Kinds { get; init; }

    /// <summary>The callbacks; to be taken once.</summary>
    public IReadOnlyList<ITrainingCallback> Start()
    {
        var callbacks = new List<ITrainingCallback> { new ConfigurationKeeper(_configuration), Efficiency };
        if (Samples is not null) callbacks.Add(Samples);
        if (Profiler is not null) callbacks.Add(Profiler);
        if (Kinds.HasFlag(ReportKinds.TensorBoard)) callbacks.Add(_tensorBoard = new TensorBoardCallback(_configuration, Samples, Efficiency));
        if (Kinds.HasFlag(ReportKinds.Html))
            callbacks.Add(_page = new HtmlReport(new() { Configuration = _configuration, Samples = Samples, Efficiency = Efficiency, Profiler = Profiler }));
        return callbacks;
    }

    /// <summary>Puts a fault that ended the run on its page.</summary>
    public void Fail(Exception fault) => _page?.Fail(fault);

    public void Dispose()
    {
        _tensorBoard?.Dispose();
        Profiler?.Dispose();
    }

    /// <summary>Keeps the description of the run in its folder.</summary>
    private sealed class ConfigurationKeeper(JsonObject configuration) : ITrainingCallback
    {
        public void OnStart(TrainingRun run) => AtomicFile.WriteAllText(Path.Combine(run.Output, RunConfiguration.FileName), RunConfiguration.Write(configuration));
    }
}
