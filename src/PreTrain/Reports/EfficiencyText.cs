using System.Globalization;

namespace PreTrain.Reports;

/// <summary>Efficiency in words, with units that keep numbers short.</summary>
public static class EfficiencyText
{
    /// <summary>"12,345 tokens/s, 61.2 GFLOP/s, 43.1 % of 142 GFLOP/s (measured), 3:20 left, 12.3 kJ".</summary>
    /// <param name="efficiency">What is told.</param>
    public static string Sentence(Efficiency efficiency)
    {
        ArgumentNullException.ThrowIfNull(efficiency);
        var parts = new List<string> { string.Create(CultureInfo.InvariantCulture, $"{efficiency.TokensPerSecond:N0} tokens/s") };
        if (efficiency.FlopsPerSecond is not null) parts.Add(Utilization(efficiency));
        if (efficiency.RemainingSeconds > 0) parts.Add($"{Duration(efficiency.RemainingSeconds)} left");
        if (efficiency.EnergyJoules is not null) parts.Add(Energy(efficiency));
        return string.Join(", ", parts);
    }

    /// <summary>"61.2 GFLOP/s, 43.1 % of 142 GFLOP/s (measured)".</summary>
    /// <param name="efficiency">What is told.</param>
    public static string Utilization(Efficiency efficiency)
    {
        ArgumentNullException.ThrowIfNull(efficiency);
        string own = efficiency.FlopsPerSecond is { } flops ? Flops(flops) : "not known";
        return efficiency.Utilization is { } share ? $"{own}, {Share(share)} of {Peak(efficiency)}" : own;
    }

    /// <summary>The peak, and where it comes from.</summary>
    /// <param name="efficiency">What is told.</param>
    public static string Peak(Efficiency efficiency) => $"{Flops(efficiency.PeakFlopsPerSecond ?? double.NaN)} ({(efficiency.PeakIsMeasured ? "measured" : "given")})";

    /// <summary>The energy, and where the number comes from.</summary>
    /// <param name="efficiency">What is told.</param>
    public static string Energy(Efficiency efficiency) => efficiency.EnergyJoules is not { } joules ? "not known"
        : efficiency.AssumedWatts is { } watts ? string.Create(CultureInfo.InvariantCulture, $"{Joules(joules)} (if it takes {watts:G4} W)") : $"{Joules(joules)} (processors, measured)";

    internal static string Share(double share) => string.Create(CultureInfo.InvariantCulture, $"{share * 100:F1} %");

    internal static string Flops(double flops) => Scaled(flops, "FLOP/s", ["", "k", "M", "G", "T", "P"]);

    internal static string Duration(double seconds)
    {
        var time = TimeSpan.FromSeconds(Math.Min(double.IsFinite(seconds) ? seconds : 1e8, 1e8));
        return time.TotalHours >= 1 ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}:{time:mm\\:ss}") : time.ToString("m\\:ss", CultureInfo.InvariantCulture);
    }

    private static string Joules(double joules) => joules >= 3.6e6 ? string.Create(CultureInfo.InvariantCulture, $"{joules / 3.6e6:G3} kWh") : Scaled(joules, "J", ["", "k", "M"]);

    private static string Scaled(double value, string unit, string[] prefixes)
    {
        int i = 0;
        while (value >= 1000 && i < prefixes.Length - 1) (value, i) = (value / 1000, i + 1);
        return string.Create(CultureInfo.InvariantCulture, $"{value:G3} {prefixes[i]}{unit}");
    }
}
