namespace PreTrain.Pruning;

/// <summary>Which weights are compared with each other.</summary>
public enum PruningScope
{
    /// <summary>Those of each linear map: all maps become equally sparse.</summary>
    Map,

    /// <summary>Those of each output of a map: all outputs become equally sparse.</summary>
    Output,

    /// <summary>Those of all maps: some maps become sparser than others.</summary>
    Model,
}
