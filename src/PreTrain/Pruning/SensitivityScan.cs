using System.Text.RegularExpressions;
using PreTrain.Models;
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Pruning;

/// <summary>Finds out which parts of a model can be pruned how far: each is pruned by magnitude alone, evaluated, and given its weights back.</summary>
public static partial class SensitivityScan
{
    /// <summary>Evaluates a model with each part pruned to each sparsity. It is to the last bit what it was afterwards.</summary>
    /// <param name="model">A model of any family.</param>
    /// <param name="sparsities">The sparsities, each at least 0 and below 1.</param>
    /// <param name="evaluate">Gives the model's score, a loss or a metric. It is called in evaluation mode, without gradients.</param>
    /// <param name="targets">Patterns of the maps; null for all maps of the blocks.</param>
    /// <param name="byLayer">Whether the maps of a layer are pruned together, and not each by itself.</param>
    /// <param name="cancellationToken">Ends it between two evaluations.</param>
    /// <returns>The scores, part by part.</returns>
    /// <exception cref="ArgumentException">A sparsity is out of range or leaves nothing of a map; a pattern fits nothing.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled. The model is as it was then.</exception>
    public static IReadOnlyList<Sensitivity> Run(ITransformerModel model, IReadOnlyList<double> sparsities, Func<double> evaluate, IReadOnlyList<string>? targets = null, bool byLayer = false, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(sparsities);
        ArgumentNullException.ThrowIfNull(evaluate);
        if (sparsities.Count == 0) throw new ArgumentException("There must be at least one sparsity.", nameof(sparsities));
        PruningOptions[] options = [.. sparsities.Select(sparsity => new PruningOptions { Sparsity = sparsity, Targets = targets ?? LinearMaps.OfBlocks })];
        List<(string Name, Projection Map)> maps = LinearMaps.SelectPlain(model, targets ?? LinearMaps.OfBlocks);
        foreach (PruningOptions option in options)
        {
            option.Validate();
            PruningMasks.Require(maps, option);
        }
        nn.Module module = LinearMaps.ModuleOf(model);
        bool training = module.training;
        module.eval();
        using IDisposable mode = no_grad();
        try
        {
            var scores = new List<Sensitivity>();
            foreach (var part in maps.GroupBy(m => byLayer && Layer().Match(m.Name) is { Success: true } match ? match.Value : m.Name))
            {
                using DisposeScope scope = NewDisposeScope();
                Projection[] pruned = [.. part.Select(m => m.Map)];
                Tensor[] weights = [.. pruned.Select(map => map.weight.detach().clone())];
                foreach (PruningOptions option in options)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    try
                    {
                        for (int i = 0; i < pruned.Length; i++) pruned[i].weight.masked_fill_(PruningMasks.OfMap(weights[i].abs(), option), 0);
                        scores.Add(new Sensitivity(part.Key, option.Sparsity, evaluate()));
                    }
                    finally
                    {
                        for (int i = 0; i < pruned.Length; i++) pruned[i].weight.copy_(weights[i]);
                    }
                }
            }
            return scores;
        }
        finally
        {
            module.train(training);
        }
    }

    [GeneratedRegex(@"^(.*[._])?blocks\.\d+", RegexOptions.CultureInvariant)]
    private static partial Regex Layer();
}
