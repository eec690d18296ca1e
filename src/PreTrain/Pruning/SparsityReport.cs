using System.Text.Json.Nodes;
using PreTrain.Models;
using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Pruning;

/// <summary>How sparse the linear maps of a model are, each and together. Of a map in few bits the values of its codes are counted.</summary>
public sealed record SparsityReport
{
    /// <summary>The linear maps, in the model's order.</summary>
    public required IReadOnlyList<MapSparsity> Maps { get; init; }

    /// <summary>The number of their weights.</summary>
    public long Weights => Maps.Sum(m => m.Weights);

    /// <summary>The weights that are zero.</summary>
    public long Zeros => Maps.Sum(m => m.Zeros);

    /// <summary>The part of the weights that is zero.</summary>
    public double Sparsity => Weights == 0 ? 0 : (double)Zeros / Weights;

    /// <summary>Counts the zeros of a model's linear maps.</summary>
    /// <param name="model">A model of any family.</param>
    /// <param name="targets">Patterns of the maps; null for all maps of the blocks.</param>
    /// <exception cref="ArgumentException">A pattern fits nothing.</exception>
    public static SparsityReport Of(ITransformerModel model, IReadOnlyList<string>? targets = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        return Of(LinearMaps.Select(model, targets ?? LinearMaps.OfBlocks));
    }

    /// <summary>The same as JSON: <c>sparsity</c>, <c>zeros</c>, <c>weights</c>, and of each of <c>maps</c> these with its <c>name</c>, <c>outputs</c> and <c>inputs</c>.</summary>
    public JsonObject ToJson() => new()
    {
        ["sparsity"] = Sparsity,
        ["zeros"] = Zeros,
        ["weights"] = Weights,
        ["maps"] = new JsonArray([.. Maps.Select(m => new JsonObject
        {
            ["name"] = m.Name,
            ["outputs"] = m.Outputs,
            ["inputs"] = m.Inputs,
            ["sparsity"] = m.Sparsity,
            ["zeros"] = m.Zeros,
            ["weights"] = m.Weights,
        })]),
    };

    internal static SparsityReport Of(IEnumerable<(string Name, Projection Map)> maps)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        return new SparsityReport { Maps = [.. maps.Select(m => Of(m.Name, m.Map))] };
    }

    private static MapSparsity Of(string name, Projection map)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor weight = QuantizedProjection.Of(map)?.Weight.Dequantize() ?? map.weight;
        return new(name, weight.size(0), weight.size(1), weight.eq(0).sum().item<long>());
    }
}
