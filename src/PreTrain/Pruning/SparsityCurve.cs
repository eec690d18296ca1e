namespace PreTrain.Pruning;

/// <summary>How the sparsity rises.</summary>
public enum SparsityCurve
{
    /// <summary>Fast at first, then ever slower: s = f + (i − f)·(1 − t)³ (Zhu and Gupta 2017, "To Prune, or Not to Prune", equation 1).</summary>
    Cubic,

    /// <summary>In rounds, each of which takes the same part of the weights that are left: 1 − s = (1 − i)·((1 − f)/(1 − i))^t (Han et al. 2015; Frankle and Carbin 2019, "The Lottery Ticket Hypothesis", section 1).</summary>
    Iterative,
}
