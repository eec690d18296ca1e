using PreTrain.Models;
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Pruning;

/// <summary>The linear maps of a model that patterns name.</summary>
internal static class LinearMaps
{
    internal static readonly IReadOnlyList<string> OfBlocks = ["*blocks.*"];

    internal static nn.Module ModuleOf(ITransformerModel model) => model as nn.Module ?? throw new ArgumentException("The model must be a module of torch.", nameof(model));

    /// <exception cref="ArgumentException">A pattern fits nothing.</exception>
    internal static List<(string Name, Projection Map)> Select(ITransformerModel model, IReadOnlyList<string> targets)
    {
        var patterns = new NamePatterns(targets);
        List<(string Name, Projection Map)> all = [.. ModuleOf(model).named_modules().Where(m => m.module is Projection).Select(m => (m.name, (Projection)m.module))];
        patterns.RequireAll("Targets", "linear map", all.Select(m => m.Name));
        all.RemoveAll(m => !patterns.Fits(m.Name));
        return all;
    }

    /// <summary>The same, of which each must compute with its weight alone.</summary>
    /// <exception cref="ArgumentException">A pattern fits nothing, or maps compute with something else, or have values that are not finite; all are named.</exception>
    internal static List<(string Name, Projection Map)> SelectPlain(ITransformerModel model, IReadOnlyList<string> targets)
    {
        List<(string Name, Projection Map)> maps = Select(model, targets);
        MapFaults.RequireWhole(maps);
        var faults = new List<string>();
        using DisposeScope scope = NewDisposeScope();
        foreach (var (name, map) in maps)
        {
            if (map.Transform is not null) faults.Add($"The linear map '{name}' computes with a {map.Transform.GetType().Name} already; merge or remove it first, or leave the map out of Targets.");
            else if (!map.weight.isfinite().all().item<bool>()) faults.Add($"The weight of the linear map '{name}' has values that are not finite.");
        }
        return faults.Count == 0 ? maps : throw new ArgumentException(MapFaults.Join(faults));
    }
}
