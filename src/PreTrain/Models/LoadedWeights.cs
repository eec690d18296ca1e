using System.Runtime.CompilerServices;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Models;

/// <summary>What of a model did not come from the folder that it was loaded from, and what of the folder is not in the model: to be seen before a head that was never trained is believed.</summary>
public sealed class LoadedWeights
{
    private static readonly ConditionalWeakTable<nn.Module, LoadedWeights> s_known = [];

    private LoadedWeights(IReadOnlyList<WeightRow> fresh, IReadOnlyList<string> leftOut)
    {
        (New, LeftOut) = ([.. fresh.Select(row => row.Theirs)], leftOut);
        Parameters = fresh.Where(row => !row.IsBuffer).Select(row => row.Ours).ToHashSet();
    }

    /// <summary>The tensors that the folder lacked or had for other labels, and that were initialized, as its family's checkpoints name them.</summary>
    public IReadOnlyList<string> New { get; }

    /// <summary>The tensors of the folder that the model has no place for: those of another head.</summary>
    public IReadOnlyList<string> LeftOut { get; }

    /// <summary>The parameters of <see cref="New"/> as the model names them.</summary>
    public IReadOnlyList<string> NewParameters => [.. Parameters];

    /// <summary>The same as a set.</summary>
    internal IReadOnlySet<string> Parameters { get; }

    /// <summary>What is known of a model.</summary>
    /// <param name="model">The model.</param>
    /// <returns>Null of a model that was not loaded.</returns>
    public static LoadedWeights? Of(ITransformerModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model is nn.Module module && s_known.TryGetValue(module, out LoadedWeights? known) ? known : null;
    }

    internal static void Remember(nn.Module model, IReadOnlyList<WeightRow> fresh, IEnumerable<string> leftOut) => s_known.Add(model, new(fresh, [.. leftOut]));
}
