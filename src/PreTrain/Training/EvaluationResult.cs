namespace PreTrain.Training;

/// <summary>How well a model does on the held-out data.</summary>
/// <param name="Loss">The mean loss over the targets.</param>
/// <param name="Accuracy">The share of predicted tokens to which the model gives the highest score; null where the loss does not come from scores of tokens.</param>
/// <param name="Targets">The targets that were evaluated.</param>
public sealed record EvaluationResult(double Loss, double? Accuracy, long Targets)
{
    /// <summary>e to the loss: of a loss that is a cross entropy, the number of tokens between which the model is as undecided as if all were equally likely.</summary>
    public double Perplexity => Math.Exp(Loss);
}
