using System.Globalization;
using PreTrain.Cli.Hosting;
using PreTrain.Reports;
using PreTrain.Training;

namespace PreTrain.Cli.Commands;

/// <summary>What a pre-training came to, as the tool tells it.</summary>
internal static class RunResult
{
    /// <summary>Writes it as JSON or as text; the perplexity where the loss is a cross entropy, which has one.</summary>
    public static void Write(Session session, TrainingResult result, Efficiency? efficiency, IReadOnlyDictionary<string, double>? metrics, bool hasPerplexity = true) => session.Result(json =>
    {
        json.WriteNumber("steps", result.Steps);
        json.WriteNumber("tokens", result.Tokens);
        json.WriteFinite("trainLoss", result.TrainLoss);
        json.WriteFinite("validationLoss", result.ValidationLoss);
        json.WriteFinite("validationPerplexity", hasPerplexity ? result.Validation?.Perplexity : null);
        json.WriteFinite("validationAccuracy", result.Validation?.Accuracy);
        if (result.BestValidationLoss is not null) json.WriteFinite("bestValidationLoss", result.BestValidationLoss);
        json.WriteNumber("modelStep", result.ModelStep);
        json.WriteNumber("faults", result.Faults);
        json.WriteBoolean("stoppedEarly", result.StoppedEarly);
        json.WriteFinite("tokensPerSecond", result.TokensPerSecond);
        json.WriteNumber("peakMemoryBytes", result.PeakMemoryBytes);
        json.WriteFinite("seconds", result.Seconds);
        json.WriteString("output", result.Output);
        json.WriteFinite("flopsPerSecond", efficiency?.FlopsPerSecond);
        json.WriteFinite("peakFlopsPerSecond", efficiency?.PeakFlopsPerSecond);
        json.WriteFinite("utilization", efficiency?.Utilization);
        json.WriteFinite("energyJoules", efficiency?.EnergyJoules);
        if (metrics is not null) MetricsText.Write(json, metrics);
    }, text =>
    {
        text.WriteLine($"steps              {result.Steps}");
        text.WriteLine($"tokens             {result.Tokens}");
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"train loss         {result.TrainLoss:F4}"));
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"validation loss    {(result.ValidationLoss is { } loss ? loss.ToString("F4", CultureInfo.InvariantCulture) : "nothing is held out")}"));
        if (hasPerplexity && result.Validation is { } validation)
            text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"perplexity         {validation.Perplexity:F2}{(validation.Accuracy is { } accuracy ? $", accuracy {accuracy:P2}" : "")}"));
        if (result.ModelStep != result.Steps) text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"best step          {result.ModelStep}, validation loss {result.BestValidationLoss:F4}"));
        if (result.Faults > 0) text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"faults             {result.Faults}, see faults.jsonl"));
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"tokens per second  {result.TokensPerSecond:N0}"));
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"peak memory        {result.PeakMemoryBytes / 1e6:N0} MB"));
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"seconds            {result.Seconds:F1}"));
        if (efficiency is { FlopsPerSecond: not null }) text.WriteLine($"utilization        {EfficiencyText.Utilization(efficiency)}");
        if (efficiency is { EnergyJoules: not null }) text.WriteLine($"energy             {EfficiencyText.Energy(efficiency)}");
        if (metrics is not null) MetricsText.Write(text, metrics);
        text.WriteLine($"model              {result.ModelFolder}");
    });
}
