namespace PreTrain.Reports;

/// <summary>
/// What a Transformer computes for a token of training: 6·N operations for N parameters, forward and backward, and 12·L·H·Q·T for attention (Chowdhery et al. 2022, "PaLM", appendix B).
/// Operations that recomputation repeats do not count, nor do those that a causal mask could spare.
/// </summary>
public sealed record TransformerCost
{
    /// <summary>Blocks, L; of a model with a decoder those of one side.</summary>
    public required int LayerCount { get; init; }

    /// <summary>Heads times the width of one, H·Q.</summary>
    public required int AttentionDim { get; init; }

    /// <summary>Tokens of a sequence, T.</summary>
    public required int ContextLength { get; init; }

    /// <summary>The share of the parameters that a token meets: half of a model with an encoder and a decoder, each of whose tokens goes through one of them; more than 1 where a copy of them computes too.</summary>
    /// <value>The default is 1.</value>
    public double ParameterShare { get; init; } = 1;

    /// <summary>The parameters that score the vocabulary, V·C, which count for <see cref="ScoredShare"/> of the tokens.</summary>
    /// <value>The default is 0, which leaves them where they are in N.</value>
    public long ScoreParameterCount { get; init; }

    /// <summary>The share of the tokens for which the vocabulary is scored: of a model that fills in, that of the hidden ones.</summary>
    /// <value>The default is 1.</value>
    public double ScoredShare { get; init; } = 1;

    /// <summary>Floating-point operations for each token.</summary>
    /// <param name="parameterCount">N.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is not positive, or the scored share more than 1.</exception>
    public double PerToken(long parameterCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(parameterCount);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(LayerCount);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(AttentionDim);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(ContextLength);
        if (!(ParameterShare > 0 && double.IsFinite(ParameterShare))) throw new ArgumentOutOfRangeException(nameof(ParameterShare), ParameterShare, "The share must be positive.");
        if (!(ScoredShare is >= 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(ScoredShare), ScoredShare, "The share must be at least 0 and at most 1.");
        if (ScoreParameterCount < 0 || ScoreParameterCount > parameterCount)
            throw new ArgumentOutOfRangeException(nameof(ScoreParameterCount), ScoreParameterCount, $"The parameters that score must be at least 0 and at most all ({parameterCount}).");
        return 6.0 * (parameterCount - (1 - ScoredShare) * ScoreParameterCount) * ParameterShare + 12.0 * LayerCount * AttentionDim * ContextLength;
    }
}
