using System.CommandLine;
using System.Text.Json.Nodes;
using PreTrain.Cli.Hosting;
using PreTrain.Reports;
using PreTrain.Tokenization;
using PreTrain.Tokenization.Chat;

namespace PreTrain.Cli.Commands;

/// <summary>The options that choose what is written about a run.</summary>
internal sealed class ReportChoice
{
    private readonly Option<ReportKinds?> _report = Options.Choice("--report", "What is kept in the run's folder: report.html, files for TensorBoard, both or neither. The default is all.",
        ("all", ReportKinds.All), ("html", ReportKinds.Html), ("tensorboard", ReportKinds.TensorBoard), ("none", ReportKinds.None));
    private readonly Option<string?> _sample = Options.Text("--sample", "TEXT", "What the model goes on from at every evaluation, or answers, or fills the masks of. The default is from the held-out text.");
    private readonly Option<int?> _profile = Options.Positive("--profile", "Measure by operator where the time of so many steps goes: profile.txt, profile.json and a table in report.html.");
    private readonly Option<double?> _peak = Options.Number("--peak-tflops", "The operations that the device could do, in 10^12 a second. The default is what a matrix product reaches at the start.", peak => peak > 0, "must be a positive number");
    private readonly Option<double?> _watts = Options.Number("--watts", "The power to reckon energy with. The default is the processor's own counter, where it may be read.", watts => watts > 0, "must be a positive number");

    public IEnumerable<Option> All => [_report, _sample, _profile, _peak, _watts];

    /// <summary>Those of a model that writes no text.</summary>
    public IEnumerable<Option> WithoutText => All.Where(option => option != _sample);

    /// <summary>Values of options that were not given.</summary>
    public IEnumerable<(Option, JsonNode?)> Effective(ParseResult parsed)
    {
        yield return (_report, Name(Kinds(parsed)));
    }

    /// <summary>Whether the usual sample is taken.</summary>
    public bool TakesUsualSample(ParseResult parsed) => Kinds(parsed) != ReportKinds.None && parsed.GetValue(_sample) is null;

    /// <summary>The callbacks of a run.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="tokenizer">The tokenizer of the data; null where it is no text.</param>
    /// <param name="cost">What the model computes for a token.</param>
    /// <param name="configuration">The run's options.</param>
    /// <param name="usualSample">The text of the samples where none is given, and the most tokens to write.</param>
    /// <param name="template">What wrote that text; null where it is a text of its own.</param>
    public RunReports Create(ParseResult parsed, TextTokenizer? tokenizer, TransformerCost cost, JsonObject configuration, (string Text, int NewTokens) usualSample, ChatTemplate? template = null)
    {
        ReportKinds kinds = Kinds(parsed);
        string? asked = parsed.GetValue(_sample), sample = tokenizer is null ? null : asked ?? usualSample.Text;
        return new RunReports(configuration)
        {
            Efficiency = new EfficiencyMeter(new() { Cost = cost, PeakFlopsPerSecond = parsed.GetValue(_peak) * 1e12, Watts = parsed.GetValue(_watts) }),
            Samples = kinds == ReportKinds.None || string.IsNullOrWhiteSpace(sample) ? null : new TextSamples(tokenizer!, sample, usualSample.NewTokens) { Template = asked is null ? template : null },
            Profiler = parsed.GetValue(_profile) is { } steps ? new StepProfiler(steps) : null,
            Kinds = kinds,
        };
    }

    private ReportKinds Kinds(ParseResult parsed) => parsed.GetValue(_report) ?? ReportKinds.All;

    private static string Name(ReportKinds kinds) => kinds.ToString().ToLowerInvariant();
}
