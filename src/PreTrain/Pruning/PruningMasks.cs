// O outputs, I inputs
using PreTrain.Models;
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Pruning;

/// <summary>Chooses the weights with the lowest scores, always exactly as many as asked for.</summary>
internal static class PruningMasks
{
    /// <summary>So many of <paramref name="weights"/> weights make up a sparsity.</summary>
    internal static long Count(long weights, double sparsity) => (long)Math.Round(weights * sparsity, MidpointRounding.AwayFromZero);

    /// <summary>Marks the lowest scores of each row.</summary>
    /// <param name="scores">(…, n).</param>
    /// <param name="count">How many of the n.</param>
    /// <returns>The same shape, true for the lowest.</returns>
    internal static Tensor Lowest(Tensor scores, long count)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor mask = zeros(scores.shape, dtype: ScalarType.Bool, device: scores.device);
        if (count > 0)
        {
            Tensor places = scores.topk(checked((int)count), -1, largest: false, sorted: false).indexes;
            mask.scatter_(-1, places, ones_like(places, dtype: ScalarType.Bool));
        }
        return scope.MoveToOuter(mask);
    }

    /// <summary>Marks the weights of a map that are to be zero.</summary>
    /// <param name="scores">(O, I).</param>
    /// <param name="options">How many are, and which are compared with each other: not those of several maps.</param>
    /// <returns>(O, I).</returns>
    internal static Tensor OfMap(Tensor scores, PruningOptions options)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor mask = options switch
        {
            { Pattern: { } pattern } => Lowest(scores.reshape(-1, pattern.Group), pattern.Group - pattern.Kept),
            { EffectiveScope: PruningScope.Output } => Lowest(scores, Count(scores.size(1), options.Sparsity)),
            _ => Lowest(scores.reshape(-1), Count(scores.numel(), options.Sparsity)),
        };
        return scope.MoveToOuter(mask.view(scores.shape));
    }

    /// <summary>Marks the weights of the smallest magnitude.</summary>
    /// <param name="weights">The weights of the maps, (O, I) each.</param>
    /// <param name="options">How many are marked, and which are compared with each other.</param>
    /// <param name="cancellationToken">Ends it between two maps.</param>
    /// <returns>Of each map, (O, I).</returns>
    internal static List<Tensor> OfMagnitudes(IReadOnlyList<Tensor> weights, PruningOptions options, CancellationToken cancellationToken)
    {
        using DisposeScope scope = NewDisposeScope();
        if (options.Pattern is not null || options.EffectiveScope != PruningScope.Model) return [.. weights.Select(Own)];
        Tensor all = cat([.. weights.Select(w => w.abs().to(ScalarType.Float32).reshape(-1))]);
        Tensor lowest = Lowest(all, Count(all.numel(), options.Sparsity));
        var masks = new List<Tensor>();
        long start = 0;
        foreach (Tensor weight in weights)
        {
            masks.Add(scope.MoveToOuter(lowest.narrow(0, start, weight.numel()).view(weight.shape).clone()));
            start += weight.numel();
        }
        return masks;

        Tensor Own(Tensor weight)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return scope.MoveToOuter(OfMap(weight.abs(), options));
        }
    }

    /// <summary>Requires that every map keeps a weight, which is not known before they are compared over the whole model.</summary>
    /// <param name="names">The maps' names.</param>
    /// <param name="masks">Which of their weights are to be zero.</param>
    /// <param name="options">How they were chosen.</param>
    /// <exception cref="ArgumentException">Names each map that would be empty.</exception>
    internal static void RequireWeights(IReadOnlyList<string> names, IReadOnlyList<Tensor> masks, PruningOptions options)
    {
        string[] emptied = [.. names.Where((_, i) => masks[i].all().item<bool>()).Select(name => $"'{name}'")];
        if (emptied.Length > 0)
            throw new ArgumentException(FormattableString.Invariant($"{nameof(PruningOptions.Sparsity)} ({options.Sparsity}) would leave no weight of {string.Join(", ", emptied)}; take a lower one, or {nameof(PruningScope)}.{nameof(PruningScope.Map)}."));
    }

    /// <summary>Requires that every map, or every output where outputs are compared, keeps a weight, and that a pattern fits.</summary>
    /// <exception cref="ArgumentException">Names each map in which that is not so.</exception>
    internal static void Require(IReadOnlyList<(string Name, Projection Map)> maps, PruningOptions options)
    {
        var faults = new List<string>();
        foreach (var (name, map) in maps)
        {
            long inputs = map.weight.size(1), compared = options.EffectiveScope == PruningScope.Output ? inputs : map.weight.numel();
            if (options.Pattern is { } pattern)
            {
                if (inputs % pattern.Group != 0) faults.Add($"The inputs of the linear map '{name}' ({inputs}) must be divisible by the group of {nameof(PruningOptions.Pattern)} ({pattern}); leave the map out of {nameof(PruningOptions.Targets)}.");
            }
            else if (options.EffectiveScope != PruningScope.Model && Count(compared, options.Sparsity) == compared)
            {
                faults.Add(FormattableString.Invariant($"{nameof(PruningOptions.Sparsity)} ({options.Sparsity}) would leave none of {compared} weights of the linear map '{name}'; take a lower one."));
            }
        }
        if (faults.Count > 0) throw new ArgumentException(MapFaults.Join(faults));
    }
}
