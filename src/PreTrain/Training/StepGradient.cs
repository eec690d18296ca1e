namespace PreTrain.Training;

/// <summary>The gradient of a step lies in the parameters' buffers; this is what it came to.</summary>
/// <param name="Loss">The mean loss over the step's targets.</param>
/// <param name="Norm">The norm of all gradients.</param>
/// <param name="FirstNorm">The norm of the first batch's share of the gradient; 0 where nobody asked.</param>
/// <param name="Targets">The step's targets, at least 1.</param>
/// <param name="Losses">Each batch's share of the loss.</param>
internal sealed record StepGradient(double Loss, double Norm, double FirstNorm, long Targets, Func<IReadOnlyList<double>> Losses);
