namespace PreTrain.Pruning;

/// <summary>How it is told which weights a linear map can do without.</summary>
public enum PruningMethod
{
    /// <summary>Those of the smallest magnitude |W| (Han et al. 2015, "Learning both Weights and Connections for Efficient Neural Networks", section 3).</summary>
    Magnitude,

    /// <summary>Those of the smallest |W|·‖x‖, x being what the weight is multiplied with in all tokens of the calibration (Sun et al. 2023, "A Simple and Effective Pruning Approach for Large Language Models", section 3).</summary>
    Wanda,

    /// <summary>Those whose loss changes the outputs least, while the weights that stay make good for it (Frantar and Alistarh 2023, "SparseGPT", section 3).</summary>
    SparseGpt,
}
