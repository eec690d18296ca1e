using System.Text.Json.Nodes;

namespace PreTrain.Compression;

/// <summary>What the model is worth behind a stage, or before the first.</summary>
public sealed record CompressionStep
{
    /// <summary>The stage, such as <c>prune</c>; <c>original</c> before the first.</summary>
    public required string Name { get; init; }

    /// <summary>The folder of the model.</summary>
    public required string ModelFolder { get; init; }

    /// <summary>The mean loss of a held-out target, in nats.</summary>
    public required double Loss { get; init; }

    /// <summary>The share of the held-out targets to which the model gives the highest score; null where it does not tell.</summary>
    public required double? Accuracy { get; init; }

    /// <summary>e to the loss.</summary>
    public double Perplexity => Math.Exp(Loss);

    /// <summary>The model's parameters, zeros and quantized ones included.</summary>
    public required long Parameters { get; init; }

    /// <summary>The part of the weights of its linear maps that is zero: those of the blocks, and others that have zeros; of a quantized model those of its codes too that stand for 0.</summary>
    public required double Sparsity { get; init; }

    /// <summary>The size of the file with its weights.</summary>
    public required long Bytes { get; init; }

    /// <summary>The milliseconds that it takes to read one row, the median.</summary>
    public required double LatencyMilliseconds { get; init; }

    /// <summary>The tokens that it reads a second in whole batches, by the median time of one.</summary>
    public required double TokensPerSecond { get; init; }

    /// <summary>How long the stage took, its measuring and the calls that were interrupted in it included.</summary>
    public required double Seconds { get; init; }

    /// <summary>The same as JSON.</summary>
    public JsonObject ToJson() => new()
    {
        ["stage"] = Name,
        ["folder"] = ModelFolder,
        ["loss"] = double.IsFinite(Loss) ? Loss : null,
        ["perplexity"] = double.IsFinite(Perplexity) ? Perplexity : null,
        ["accuracy"] = Accuracy,
        ["parameters"] = Parameters,
        ["sparsity"] = Sparsity,
        ["bytes"] = Bytes,
        ["latencyMilliseconds"] = LatencyMilliseconds,
        ["tokensPerSecond"] = TokensPerSecond,
        ["seconds"] = Seconds,
    };

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    internal static CompressionStep Of(JsonObject json, string modelFolder)
    {
        double Number(string name) => (double?)json[name] ?? double.PositiveInfinity;
        return new()
        {
            Name = (string)json["stage"]!,
            ModelFolder = modelFolder,
            Loss = Number("loss"),
            Accuracy = (double?)json["accuracy"],
            Parameters = (long)json["parameters"]!,
            Sparsity = Number("sparsity"),
            Bytes = (long)json["bytes"]!,
            LatencyMilliseconds = Number("latencyMilliseconds"),
            TokensPerSecond = Number("tokensPerSecond"),
            Seconds = Number("seconds"),
        };
    }
}
