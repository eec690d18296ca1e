using PreTrain.Optimization;

namespace PreTrain.FineTuning;

/// <summary>Which part of a model is trained, as rules for <see cref="UpdateOptions.Rules"/>. What is frozen gets no gradient, and takes no memory of the optimizer.</summary>
public static class Freezing
{
    /// <summary>The head of classification alone: what is below gives features that stay.</summary>
    public static IReadOnlyList<ParameterRule> AllButHead => AllBut("*classifier*");

    /// <summary>All but some parameters.</summary>
    /// <param name="trained">Patterns of the parameters that are trained, such as <c>*classifier*</c> or <c>*blocks.11.*</c>.</param>
    /// <exception cref="ArgumentException">There is no pattern, or one is empty.</exception>
    public static IReadOnlyList<ParameterRule> AllBut(params string[] trained)
    {
        ArgumentNullException.ThrowIfNull(trained);
        if (trained.Length == 0 || trained.Any(string.IsNullOrEmpty)) throw new ArgumentException("There must be at least one pattern, and none empty: something has to be trained.", nameof(trained));
        return [.. trained.Select(pattern => new ParameterRule { Pattern = pattern }), new ParameterRule { Pattern = "*", Frozen = true }];
    }

    /// <summary>Embeddings and the first blocks.</summary>
    /// <param name="blocks">How many blocks are frozen; 0 for the embeddings alone.</param>
    /// <param name="prefix">What stands before the blocks' numbers, such as <c>encoder.blocks</c> for those of an encoder alone; of any stack as it is.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public static IReadOnlyList<ParameterRule> FirstBlocks(int blocks, string prefix = "*blocks")
    {
        ArgumentOutOfRangeException.ThrowIfNegative(blocks);
        ArgumentException.ThrowIfNullOrEmpty(prefix);
        return [new ParameterRule { Pattern = "*embedding*", Frozen = true }, .. Enumerable.Range(0, blocks).Select(block => new ParameterRule { Pattern = $"{prefix}.{block}.*", Frozen = true })];
    }

    /// <summary>A learning rate for each block, as a factor (discriminative fine-tuning, Howard and Ruder 2018, section 3.2); <see cref="UpdateOptions.LayerDecay"/> gives a geometric one, and the paper's is 1 / 2.6.</summary>
    /// <param name="scales">The factors, of the first block first.</param>
    /// <param name="prefix">What stands before the blocks' numbers.</param>
    public static IReadOnlyList<ParameterRule> Rates(IReadOnlyList<double> scales, string prefix = "*blocks")
    {
        ArgumentNullException.ThrowIfNull(scales);
        ArgumentException.ThrowIfNullOrEmpty(prefix);
        return [.. scales.Select((scale, block) => new ParameterRule { Pattern = $"{prefix}.{block}.*", LearningRateScale = scale })];
    }
}
