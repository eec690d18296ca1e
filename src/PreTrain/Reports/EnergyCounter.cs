using System.Globalization;

namespace PreTrain.Reports;

/// <summary>The energy of the processor packages as the kernel counts it (RAPL: Linux' powercap, <c>intel-rapl</c>, which AMD's processors have too).</summary>
internal sealed class EnergyCounter
{
    private const string SystemFolder = "/sys/class/powercap";
    private readonly List<Package> _packages;

    private EnergyCounter(List<Package> packages) => _packages = packages;

    /// <summary>Joules since the counter was opened. To be read at least once while a counter goes round, which takes some minutes.</summary>
    internal double? Read()
    {
        double sum = 0;
        foreach (Package package in _packages)
        {
            if (Number(package.Counter) is not { } now) return null;
            package.Microjoules += now >= package.Last ? now - package.Last : now + package.Range - package.Last;
            package.Last = now;
            sum += package.Microjoules;
        }
        return sum / 1e6;
    }

    /// <returns>Null if there is no counter, or it may not be read.</returns>
    internal static EnergyCounter? Open(string folder = SystemFolder)
    {
        if (!Directory.Exists(folder)) return null;
        var packages = new List<Package>();
        foreach (string zone in Directory.EnumerateDirectories(folder, "intel-rapl:*").Order(StringComparer.Ordinal))
        {
            if (Line(Path.Combine(zone, "name"))?.StartsWith("package", StringComparison.Ordinal) != true) continue;
            string counter = Path.Combine(zone, "energy_uj");
            if (Number(counter) is not { } start || Number(Path.Combine(zone, "max_energy_range_uj")) is not { } range) return null;
            packages.Add(new Package { Counter = counter, Range = range, Last = start });
        }
        return packages.Count == 0 ? null : new EnergyCounter(packages);
    }

    private static double? Number(string path) => double.TryParse(Line(path), NumberStyles.None, CultureInfo.InvariantCulture, out double value) ? value : null;

    private static string? Line(string path)
    {
        try
        {
            return File.ReadAllText(path).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;   // newer kernels let root alone read it
        }
    }

    private sealed class Package
    {
        public required string Counter { get; init; }

        public required double Range { get; init; }

        public required double Last { get; set; }

        public double Microjoules { get; set; }
    }
}
