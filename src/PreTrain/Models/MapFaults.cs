using PreTrain.Modules;
using PreTrain.Modules.Quantized;

namespace PreTrain.Models;

/// <summary>What is wrong with linear maps of a model, of which there may be hundreds: a few are told.</summary>
internal static class MapFaults
{
    private const int Told = 3;

    /// <summary>The first faults, and how many more there are.</summary>
    internal static string Join(IReadOnlyList<string> faults) => string.Join(" ", faults.Take(Told)) + (faults.Count > Told ? $" So it is with {faults.Count - Told} more." : "");

    /// <summary>Requires maps whose weights are whole.</summary>
    /// <exception cref="ArgumentException">Some are quantized.</exception>
    internal static void RequireWhole(IReadOnlyList<(string Name, Projection Map)> maps)
    {
        if (maps.Count(m => m.Map.Transform is QuantizedProjection) is > 0 and var count)
            throw new ArgumentException($"{count} of {maps.Count} linear maps of the model are quantized already; start from the model that it was made from.");
    }
}
