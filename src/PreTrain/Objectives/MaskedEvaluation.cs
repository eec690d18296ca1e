namespace PreTrain.Objectives;

/// <summary>How well hidden tokens are predicted.</summary>
/// <param name="Loss">The mean cross entropy.</param>
/// <param name="Accuracy">The share of hidden tokens to which the model gives the highest score.</param>
/// <param name="Targets">Hidden tokens.</param>
public sealed record MaskedEvaluation(double Loss, double Accuracy, long Targets)
{
    /// <summary>e to the loss.</summary>
    public double Perplexity => Math.Exp(Loss);
}
