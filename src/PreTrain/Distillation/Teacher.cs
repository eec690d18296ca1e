using PreTrain.Models;

namespace PreTrain.Distillation;

/// <summary>One of the models that a student learns from.</summary>
/// <param name="Model">The model, with the student's vocabulary and on its device; it is put in evaluation mode, and stays the caller's to dispose.</param>
public sealed record Teacher(ITransformerModel Model)
{
    /// <summary>How much its probabilities count in the mean of all teachers', which is divided by the sum of the weights.</summary>
    /// <value>The default is 1.</value>
    public double Weight { get; init; } = 1;

    /// <summary>Where its scores are kept, so that it reads each row once; null for nowhere. It stays the caller's to dispose.</summary>
    /// <value>The default is null.</value>
    public LogitCache? Cache { get; init; }
}
