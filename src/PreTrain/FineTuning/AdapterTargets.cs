using PreTrain.Models;
using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>The linear maps of a model that an adapter is for.</summary>
internal static class AdapterTargets
{
    /// <summary>Finds the maps that fit patterns, all of which must fit something.</summary>
    /// <param name="model">The model.</param>
    /// <param name="property">What the patterns are called.</param>
    /// <param name="patterns">The patterns.</param>
    /// <param name="bears">Whether an adapter can be beside a transform; null for none.</param>
    /// <exception cref="ArgumentException">A pattern fits nothing, a map computes with something else already, or the model is quantized.</exception>
    internal static List<(string Path, Projection Map)> Select(nn.Module model, string property, IReadOnlyList<string> patterns, Func<ProjectionTransform, bool>? bears = null)
    {
        List<(string Path, Projection Map)> all = [.. model.named_modules().Where(m => m.module is Projection).Select(m => (m.name, (Projection)m.module))];
        var names = new NamePatterns(patterns);
        names.RequireAll(property, "linear map", all.Select(m => m.Path));
        List<(string Path, Projection Map)> chosen = [.. all.Where(m => names.Fits(m.Path))];
        foreach (var (path, map) in chosen) Require(path, map, property, bears);
        return chosen;
    }

    /// <summary>The maps that fit the given patterns, or those of the default ones that are there. By default none of those that are trained as a whole, since the model's folder lacked them or <paramref name="whole"/> names them.</summary>
    /// <exception cref="ArgumentException">Nothing fits, a map computes with something else already, or the model is quantized.</exception>
    internal static List<(string Path, Projection Map)> SelectOrDefault(nn.Module model, string property, IReadOnlyList<string>? patterns, IReadOnlyList<string> usual, Func<ProjectionTransform, bool>? bears = null, IReadOnlyList<string>? whole = null)
    {
        if (patterns is not null) return Select(model, property, patterns, bears);
        var trained = new NamePatterns(whole ?? []);
        IReadOnlySet<string> fresh = (model is ITransformerModel loaded ? LoadedWeights.Of(loaded)?.Parameters : null) ?? new HashSet<string>();
        string[] known = [.. usual.Where(pattern => new NamePatterns([pattern]) is var one && model.named_modules().Any(m => m.module is Projection && one.Fits(m.name) && !fresh.Contains(m.name + ".weight") && !trained.Fits(m.name + ".weight")))];
        return known.Length > 0 ? Select(model, property, known, bears) : throw new ArgumentException($"The model has none of the linear maps {string.Join(", ", usual)}; name others with {property}.", nameof(model));
    }

    /// <exception cref="ArgumentException">There can be no adapter beside what the map computes with.</exception>
    private static void Require(string path, Projection map, string property, Func<ProjectionTransform, bool>? bears)
    {
        if (map.Transform is not { } transform || (bears?.Invoke(transform) ?? false)) return;
        throw new ArgumentException(transform is QuantizedProjection
            ? $"The linear map '{path}' is quantized, and nothing can be trained beside it or merged into it. Use the model that it was quantized from, and quantize the merged one."
            : $"The linear map '{path}' computes with a {transform.GetType().Name}, beside which there can be no adapter; leave it out of {property}.");
    }
}
