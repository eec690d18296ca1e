using PreTrain.Models;
using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Quantization;

/// <summary>Finds out which linear maps of a model need how many bits, and gives each as many as a number of bytes allows.</summary>
public static class MixedPrecision
{
    private const int MostSteps = 1 << 14;   // of the table of budgets

    /// <summary>Evaluates a model with each map by itself in each kind of codes. It is to the last bit what it was afterwards.</summary>
    /// <param name="model">A model of any family, on any device.</param>
    /// <param name="options">Groups, and what is left out; <see cref="QuantizationOptions.Scheme"/> does not matter.</param>
    /// <param name="evaluate">Gives the model's score, of which less is better: a loss. It is called in evaluation mode, without gradients.</param>
    /// <param name="schemes">Kinds of codes whose activations are not rounded; null for 8 and 4 bits.</param>
    /// <param name="cancellationToken">Ends it between two evaluations.</param>
    /// <returns>For each map one entry as it is and one for each kind, in the model's order.</returns>
    /// <exception cref="ArgumentException">As for <see cref="Quantizer.Quantize(ITransformerModel, QuantizationOptions, CancellationToken)"/>; or a kind of codes is not for this; or a score is not finite.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled. The model is as it was then.</exception>
    public static IReadOnlyList<MapSensitivity> Scan(ITransformerModel model, QuantizationOptions options, Func<double> evaluate, IReadOnlyList<QuantizationScheme>? schemes = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(evaluate);
        schemes ??= [QuantizationScheme.Int8Weights, QuantizationScheme.Int4Weights];
        foreach (QuantizationScheme scheme in schemes) Require(scheme);
        (QuantizationScheme Scheme, QuantizationOptions Options)[] kinds = [.. schemes.Select(scheme => (scheme, options with { Scheme = scheme, HasQuantizedTiedHead = false }))];
        if (kinds.Length == 0) throw new ArgumentException("There must be at least one kind of codes.", nameof(schemes));
        List<(string Name, Projection Map)> maps = [];
        foreach (var (_, one) in kinds) maps = new QuantizedMaps(model, one).All;   // each kind has rules of its own
        var module = (nn.Module)model;
        bool training = module.training;
        module.eval();
        using IDisposable mode = no_grad();
        try
        {
            double before = Finite(evaluate(), "the model as it is");
            var scan = new List<MapSensitivity>();
            foreach (var (name, map) in maps)
            {
                scan.Add(new(name, null, map.weight.numel() * map.weight.element_size(), 0));
                using DisposeScope scope = NewDisposeScope();
                Tensor weight = map.weight.detach().clone();
                foreach (var (scheme, one) in kinds)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    using QuantizedMatrix codes = QuantizedMatrix.Quantize(weight, one.Format);
                    try
                    {
                        using Tensor values = codes.Dequantize();
                        map.weight.copy_(values);
                        scan.Add(new(name, scheme, codes.ByteCount, Finite(evaluate(), $"the linear map '{name}' in {scheme}") - before));
                    }
                    finally
                    {
                        map.weight.copy_(weight);
                    }
                }
            }
            return scan;
        }
        finally
        {
            module.train(training);
        }
    }

    /// <summary>
    /// The choice with the least sum of increases whose bytes keep to a budget, found by dynamic programming (the multiple-choice knapsack problem). With very many different sizes these are rounded up a little, by
    /// less than a 16,384th of the budget each, so that the budget is kept and the choice is nearly the best.
    /// </summary>
    /// <param name="scan">What <see cref="Scan"/> gave.</param>
    /// <param name="budgetBytes">The most bytes that the weights of all maps may take together.</param>
    /// <exception cref="ArgumentException">Nothing is scanned, or the budget is below what the maps take at least.</exception>
    public static MixedPrecisionPlan Choose(IReadOnlyList<MapSensitivity> scan, long budgetBytes)
    {
        ArgumentNullException.ThrowIfNull(scan);
        MapSensitivity[][] maps = [.. scan.GroupBy(choice => choice.Map).Select(group => group.ToArray())];
        if (maps.Length == 0) throw new ArgumentException("Nothing is scanned.", nameof(scan));
        long least = maps.Sum(choices => choices.Min(choice => choice.Bytes)), most = maps.Sum(choices => choices.Max(choice => choice.Bytes));
        if (budgetBytes < least) throw new ArgumentException($"The budget ({budgetBytes} bytes) must be at least what the maps take in the fewest bits ({least} bytes); with nothing quantized they take {most}.", nameof(budgetBytes));
        // Bytes beyond the least of each map, in steps that all sizes are whole numbers of, or in larger ones.
        long room = Math.Min(budgetBytes, most) - least, step = 0;
        foreach (MapSensitivity[] choices in maps)
        {
            foreach (MapSensitivity choice in choices) step = (long)System.Numerics.BigInteger.GreatestCommonDivisor(step, choice.Bytes - choices.Min(c => c.Bytes));
        }
        step = Math.Max(Math.Max(step, 1), (room + MostSteps - 1) / MostSteps);
        var width = (int)(room / step) + 1;
        double[] best = new double[width];                       // the least sum of increases by what may be spent
        int[][] taken = [.. maps.Select(_ => new int[width])];
        for (int m = 0; m < maps.Length; m++)
        {
            long lowest = maps[m].Min(choice => choice.Bytes);
            double[] next = new double[width];
            Array.Fill(next, double.PositiveInfinity);
            for (int i = 0; i < maps[m].Length; i++)
            {
                long cost = (maps[m][i].Bytes - lowest + step - 1) / step;
                for (long spent = cost; spent < width; spent++)
                {
                    double sum = best[spent - cost] + maps[m][i].Increase;
                    if (sum < next[spent]) (next[spent], taken[m][spent]) = (sum, i);
                }
            }
            best = next;
        }
        var chosen = new MapSensitivity[maps.Length];
        long left = width - 1;
        for (int m = maps.Length - 1; m >= 0; m--)
        {
            chosen[m] = maps[m][taken[m][left]];
            left -= (chosen[m].Bytes - maps[m].Min(choice => choice.Bytes) + step - 1) / step;
        }
        return new MixedPrecisionPlan { Choices = chosen };
    }

    /// <exception cref="ArgumentException">The scheme rounds activations, or is not known.</exception>
    internal static void Require(QuantizationScheme scheme)
    {
        if (scheme is not (QuantizationScheme.Int8Weights or QuantizationScheme.Int4Weights))
            throw new ArgumentException($"{scheme} cannot be mixed with others in a folder; take {nameof(QuantizationScheme.Int8Weights)} and {nameof(QuantizationScheme.Int4Weights)}.", nameof(scheme));
    }

    private static double Finite(double score, string what) => double.IsFinite(score) ? score : throw new ArgumentException(FormattableString.Invariant($"The score of {what} is {score}, which is not finite."), nameof(score));
}
