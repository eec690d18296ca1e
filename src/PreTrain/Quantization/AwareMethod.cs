namespace PreTrain.Quantization;

/// <summary>How weights are rounded while they are trained.</summary>
public enum AwareMethod
{
    /// <summary>To the codes that <see cref="Quantizer"/> would give them in each step; the gradient passes as if there were no rounding (Bengio et al. 2013, "Estimating or Propagating Gradients Through Stochastic Neurons", section 3).</summary>
    StraightThrough,

    /// <summary>To multiples of steps that are trained with them (Esser et al. 2020, "Learned Step Size Quantization").</summary>
    LearnedStep,
}
