using System.Text.Json.Nodes;

namespace PreTrain.Training;

/// <summary>Compares a step's loss and gradient norm with those of the last steps that were accepted.</summary>
internal sealed class SpikeDetector
{
    private readonly FaultOptions _options;
    private readonly Queue<double> _losses, _norms;

    internal SpikeDetector(FaultOptions options, JsonObject? state = null)
    {
        _options = options;
        (_losses, _norms) = (Values("losses"), Values("norms"));

        Queue<double> Values(string name) => new(state?[name]!.AsArray().Select(value => value!.GetValue<double>()).TakeLast(options.SpikeWindowSteps) ?? []);
    }

    /// <summary>All that a resumed training needs.</summary>
    internal JsonObject State => new() { ["losses"] = List(_losses), ["norms"] = List(_norms) };

    /// <summary>What is too high, and what it should be below; null where all is as usual.</summary>
    internal (string Quantity, double Value, double Limit)? Find(double loss, double norm)
    {
        if (_losses.Count < _options.SpikeWarmupSteps) return null;
        if (LimitOf(_losses) is var limit && loss > limit) return ("loss", loss, limit);
        if (LimitOf(_norms) is var most && norm > most) return ("gradient norm", norm, most);
        return null;
    }

    /// <summary>Takes an accepted step in. A rejected one would lift the limit for the next.</summary>
    internal void Observe(double loss, double norm)
    {
        Add(_losses, loss);
        Add(_norms, norm);
    }

    private void Add(Queue<double> values, double value)
    {
        values.Enqueue(value);
        if (values.Count > _options.SpikeWindowSteps) values.Dequeue();
    }

    private double LimitOf(Queue<double> values)
    {
        double mean = values.Average(), variance = values.Sum(value => (value - mean) * (value - mean)) / (values.Count - 1);
        return mean + _options.SpikeThreshold * Math.Sqrt(variance);
    }

    private static JsonArray List(IEnumerable<double> values) => new([.. values.Select(value => (JsonNode)value)]);
}
