namespace PreTrain.Training;

/// <summary>What happens when a step's loss or gradient cannot be trusted. The weights are those before the step in any case.</summary>
public enum FaultPolicy
{
    /// <summary>The training ends with a <see cref="NumericalException"/>.</summary>
    Stop,

    /// <summary>The step is tried again with the next batches.</summary>
    Skip,

    /// <summary>
    /// Weights, optimizer, averages and the step's number go back to the last checkpoint, and the data goes on behind the batches of the fault (Chowdhery et al. 2022, "PaLM", section 5.1).
    /// </summary>
    RollBack,
}
