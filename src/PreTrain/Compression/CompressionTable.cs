using System.Globalization;

namespace PreTrain.Compression;

/// <summary>The stages of a recipe as rows of text.</summary>
public static class CompressionTable
{
    /// <summary>What the cells are.</summary>
    public static IReadOnlyList<string> Columns { get; } = ["stage", "loss", "perplexity", "accuracy", "parameters", "zeros", "size", "latency", "tokens/s", "took"];

    /// <summary>The cells of a step, in the order of <see cref="Columns"/>.</summary>
    /// <param name="step">The step.</param>
    public static string[] Row(CompressionStep step)
    {
        ArgumentNullException.ThrowIfNull(step);
        CultureInfo culture = CultureInfo.InvariantCulture;
        return
        [
            step.Name, step.Loss.ToString("F4", culture), step.Perplexity.ToString("F2", culture), step.Accuracy?.ToString("P2", culture) ?? "", step.Parameters.ToString("N0", culture),
            step.Sparsity.ToString("P1", culture), Size(step.Bytes), string.Create(culture, $"{step.LatencyMilliseconds:F2} ms"), step.TokensPerSecond.ToString("N0", culture), string.Create(culture, $"{step.Seconds:F1} s"),
        ];
    }

    internal static string Size(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:F2} MB");
}
