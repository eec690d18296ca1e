namespace PreTrain.Optimization;

/// <summary>The rules of optimizers' constants.</summary>
internal static class OptionFaults
{
    internal static IEnumerable<string> Of(params IEnumerable<string?> faults) => faults.OfType<string>();

    internal static string? Share(string name, double value) => value >= 0 && value < 1 ? null : $"{name} ({value}) must be at least 0 and below 1.";

    internal static string? Positive(string name, double value) => value > 0 && double.IsFinite(value) ? null : $"{name} ({value}) must be positive.";

    internal static string? NotNegative(string name, double value) => value >= 0 && double.IsFinite(value) ? null : $"{name} ({value}) must not be negative.";

    /// <summary>Throws if an optimizer cannot be made of these.</summary>
    /// <returns>The options of updates, never null.</returns>
    internal static UpdateOptions Check(IOptimizerOptions options, UpdateOptions? update)
    {
        update ??= new UpdateOptions();
        string[] faults = [.. options.Faults(), .. update.Faults()];
        return faults.Length == 0 ? update : throw new ArgumentException(string.Join(" ", faults));
    }
}
