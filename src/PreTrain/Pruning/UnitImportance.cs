namespace PreTrain.Pruning;

/// <summary>How it is told which heads, neurons and layers a model can do without.</summary>
public enum UnitImportance
{
    /// <summary>By the length of all weights of the unit (Li et al. 2017, "Pruning Filters for Efficient ConvNets", section 3.1).</summary>
    Magnitude,

    /// <summary>By what the unit gives: the length of a head's or neuron's outputs over all tokens, and 1 − cos between what a layer reads and gives (Men et al. 2024, "ShortGPT", section 3.2).</summary>
    Activation,

    /// <summary>
    /// By how the loss would change without the unit, to first order: |Σ ∂L/∂w · w|, summed over the batches (Molchanov et al. 2019, "Importance Estimation for Neural Network Pruning", section 3). For heads and
    /// neurons the sum is over the weights that read them, which makes it the gradient of a gate on the unit, the head importance of Michel et al. 2019 ("Are Sixteen Heads Really Better than One?", section 4).
    /// </summary>
    Taylor,
}
