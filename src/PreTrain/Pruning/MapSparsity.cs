namespace PreTrain.Pruning;

/// <summary>How sparse a linear map is.</summary>
/// <param name="Name">Its name in the model.</param>
/// <param name="Outputs">O.</param>
/// <param name="Inputs">I.</param>
/// <param name="Zeros">The weights that are zero.</param>
public sealed record MapSparsity(string Name, long Outputs, long Inputs, long Zeros)
{
    /// <summary>The number of weights.</summary>
    public long Weights => Outputs * Inputs;

    /// <summary>The part of them that is zero.</summary>
    public double Sparsity => (double)Zeros / Weights;
}
