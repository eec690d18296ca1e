namespace PreTrain.Training;

/// <summary>Which weights a training ends with, in memory and in the folder <c>model</c>.</summary>
public enum SavedModel
{
    /// <summary>Those after the last step.</summary>
    Last,

    /// <summary>Those with the lowest loss on the held-out data. A checkpoint is written after each evaluation that is the best so far, and stays until there is a better one.</summary>
    Best,
}
