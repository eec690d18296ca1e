namespace PreTrain.Optimization;

/// <summary>The form of the last part of <see cref="LearningRateDecay.WarmupStableDecay"/>.</summary>
public enum FinalDecay
{
    /// <summary>A straight line.</summary>
    Linear,

    /// <summary>Half a cosine.</summary>
    Cosine,

    /// <summary>One minus the square root of the share of the way that is behind (Hägele et al. 2024, section 3.2).</summary>
    OneMinusSquareRoot,
}
