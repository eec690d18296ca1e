using System.Text.RegularExpressions;
using PreTrain.Models;
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Pruning;

/// <summary>Sets weights of a trained model's linear maps to zero. The model stays an ordinary one, of the same size; <see cref="SparsityMasks"/> keeps the zeros while it is trained further.</summary>
public static partial class Pruner
{
    /// <summary>
    /// Prunes in place. Wanda and SparseGPT go through the model block by block, as their papers do: each block sees what the pruned ones before it give. What is no linear map stays as it is: embeddings,
    /// norms and biases. So they read the calibration once for each block.
    /// </summary>
    /// <param name="model">A model of any family.</param>
    /// <param name="options">How, how much, and which maps.</param>
    /// <param name="calibration">What the model reads to see its maps at work, a few batches of the kind of text that it is for; null for <see cref="PruningMethod.Magnitude"/>.</param>
    /// <param name="cancellationToken">Ends it between two batches or two maps.</param>
    /// <returns>How sparse the maps are.</returns>
    /// <exception cref="ArgumentException">
    /// An option is out of range; a pattern fits nothing, or does not divide the inputs of a map; a map would lose all weights, or computes with something else already; the calibration is missing or too small, or
    /// gives inputs that are not finite.
    /// The model is as it was then.
    /// </exception>
    /// <exception cref="OperationCanceledException">It was cancelled. The model is as it was then.</exception>
    public static SparsityReport Prune(ITransformerModel model, PruningOptions options, IReadOnlyList<ModelInput>? calibration = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        List<(string Name, Projection Map)> maps = LinearMaps.SelectPlain(model, options.Targets);
        PruningMasks.Require(maps, options);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        if (options.NeedsCalibration) PruneCalibrated(model, maps, options, calibration, cancellationToken);
        else PruneByMagnitude(maps, options, cancellationToken);
        return SparsityReport.Of(maps);
    }

    private static void PruneByMagnitude(List<(string Name, Projection Map)> maps, PruningOptions options, CancellationToken cancellationToken)
    {
        List<Tensor> masks = PruningMasks.OfMagnitudes([.. maps.Select(m => m.Map.weight)], options, cancellationToken);
        PruningMasks.RequireWeights([.. maps.Select(m => m.Name)], masks, options);
        cancellationToken.ThrowIfCancellationRequested();
        for (int i = 0; i < maps.Count; i++) maps[i].Map.weight.masked_fill_(masks[i], 0);
    }

    private static void PruneCalibrated(ITransformerModel model, List<(string Name, Projection Map)> maps, PruningOptions options, IReadOnlyList<ModelInput>? calibration, CancellationToken cancellationToken)
    {
        if (calibration is not { Count: > 0 }) throw new ArgumentException($"{options.Method} needs data for its calibration; give a few batches.", nameof(calibration));
        Tensor[] before = [.. maps.Select(m => m.Map.weight.detach().clone())];
        try
        {
            foreach (var group in maps.GroupBy(m => Block().Match(m.Name) is { Success: true } match ? match.Value : m.Name)) PruneBlock(model, [.. group], options, calibration, cancellationToken);
        }
        catch
        {
            for (int i = 0; i < maps.Count; i++) maps[i].Map.weight.copy_(before[i]);
            throw;
        }
    }

    private static void PruneBlock(ITransformerModel model, (string Name, Projection Map)[] maps, PruningOptions options, IReadOnlyList<ModelInput> calibration, CancellationToken cancellationToken)
    {
        using DisposeScope scope = NewDisposeScope();
        InputStatistics[] statistics = [.. maps.Select(m => new InputStatistics(m.Map, options.Method == PruningMethod.SparseGpt))];
        try
        {
            Calibration.Run(model, [.. maps.Select((m, i) => (m.Map, (Action<Tensor>)statistics[i].Add))], calibration, cancellationToken: cancellationToken);
            for (int i = 0; i < maps.Length; i++)
            {
                RequireTokens(maps[i].Name, maps[i].Map.weight.size(1), statistics[i].Rows, options, nameof(calibration));
                if (!statistics[i].Sum.isfinite().all().item<bool>()) throw new ArgumentException($"The calibration gives inputs of the linear map '{maps[i].Name}' that are not finite, or too large.");
            }
            for (int i = 0; i < maps.Length; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                Projection map = maps[i].Map;
                if (options.Method == PruningMethod.SparseGpt) map.weight.copy_(SparseReconstruction.Apply(map.weight, statistics[i].Sum * (2.0 / statistics[i].Rows), options));
                else map.weight.masked_fill_(PruningMasks.OfMap(map.weight.to(ScalarType.Float64).abs() * statistics[i].Sum.sqrt(), options), 0);
            }
        }
        finally
        {
            foreach (InputStatistics statistic in statistics) statistic.Dispose();
        }
    }

    /// <summary>Requires that a map sees enough of the calibration.</summary>
    /// <exception cref="ArgumentException">It does not.</exception>
    internal static void RequireTokens(string name, long inputs, long tokens, PruningOptions options, string? argument = null)
    {
        if (tokens < options.MinimumTokens)
            throw new ArgumentException($"The linear map '{name}' sees {tokens} tokens of the calibration; there must be at least {nameof(PruningOptions.MinimumTokens)} ({options.MinimumTokens}). Give more data.", argument);
        if (options.Method == PruningMethod.SparseGpt && tokens < inputs)
            throw new ArgumentException($"The linear map '{name}' has {inputs} inputs and sees {tokens} tokens of the calibration; SparseGpt needs at least as many tokens as inputs. Give more data.", argument);
    }

    [GeneratedRegex(@"^(.*[._])?blocks\.\d+\.", RegexOptions.CultureInvariant)]
    private static partial Regex Block();
}
