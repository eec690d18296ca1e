using System.CommandLine;
using System.Globalization;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Pruning;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain prune --scan</c>: tells which maps or layers bear how much, and writes no model.</summary>
internal sealed class SensitivityChoice
{
    private static readonly double[] s_usual = [0.3, 0.5, 0.7];

    private readonly Option<bool> _scan = new("--scan") { Description = "Write no model: prune each linear map alone, by magnitude, and tell what the model then loses on --data." };
    private readonly Option<double[]?> _sparsities = NumberList.Create<double>("--sparsities", "PART,PART", "--scan: the parts of a map that become zero. The default is 0.3,0.5,0.7.", part => part is > 0 and < 1, "must be numbers above 0 and below 1 with commas between them");
    private readonly Option<bool> _byLayer = new("--by-layer") { Description = "--scan: prune all maps of a layer together." };

    public IEnumerable<Option> All => [_scan, _sparsities, _byLayer];

    /// <summary>Whether it is asked for.</summary>
    /// <exception cref="UsageException">Options do not fit together.</exception>
    public bool IsWanted(ParseResult parsed, Option[] others)
    {
        bool Given(Option option) => parsed.GetResult(option) is { Implicit: false };
        if (!parsed.GetValue(_scan))
            return new Option[] { _sparsities, _byLayer }.FirstOrDefault(Given) is not { } own ? false : throw new UsageException($"{own.Name} is of no effect without {_scan.Name}.");
        return others.FirstOrDefault(Given) is not { } other ? true : throw new UsageException($"{_scan.Name} and {other.Name} exclude each other: nothing is written, and each map is pruned by magnitude.");
    }

    /// <summary>Scans.</summary>
    public void Run(ParseResult parsed, Session session, string folder, TextCorpus corpus, int samples, string[]? targets)
    {
        Device device = session.Start();
        using DisposeScope scope = NewDisposeScope();
        using ITransformerModel model = ModelFolder.LoadModel(session, folder, device);
        var texts = new CalibrationText(session, folder, model, corpus, samples, scans: true);
        double whole;
        using (no_grad()) whole = Loss();
        double[] sparsities = parsed.GetValue(_sparsities) is { Length: > 0 } given ? given : s_usual;
        IReadOnlyList<Sensitivity> scores = SensitivityScan.Run(model, sparsities, Loss, targets, parsed.GetValue(_byLayer), session.Cancellation);
        Report(session, whole, sparsities, scores);

        double Loss()
        {
            session.Cancellation.ThrowIfCancellationRequested();
            return texts.MeanLoss();
        }
    }

    private static void Report(Session session, double whole, double[] sparsities, IReadOnlyList<Sensitivity> scores) => session.Result(json =>
    {
        json.WriteFinite("loss", whole);
        json.WriteStartArray("parts");
        foreach (Sensitivity score in scores)
        {
            json.WriteStartObject();
            json.WriteString("part", score.Part);
            json.WriteNumber("sparsity", score.Sparsity);
            json.WriteFinite("loss", score.Score);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }, text =>
    {
        int width = Math.Max("whole model".Length, scores.Max(score => score.Part.Length));
        text.WriteLine($"{"loss with zeros".PadRight(width)}{string.Concat(sparsities.Select(part => part.ToString("P0", CultureInfo.InvariantCulture).PadLeft(10)))}");
        foreach (var part in scores.GroupBy(score => score.Part))
            text.WriteLine($"{part.Key.PadRight(width)}{string.Concat(part.Select(score => score.Score.ToString("F4", CultureInfo.InvariantCulture).PadLeft(10)))}");
        text.WriteLine($"{"whole model".PadRight(width)}{whole.ToString("F4", CultureInfo.InvariantCulture).PadLeft(10)}");
    });
}
