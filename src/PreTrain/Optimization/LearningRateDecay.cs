namespace PreTrain.Optimization;

/// <summary>How the learning rate goes on after the warm-up.</summary>
public enum LearningRateDecay
{
    /// <summary>Along half a cosine (Loshchilov and Hutter 2017, equation 5, without restarts).</summary>
    Cosine,

    /// <summary>Along a straight line.</summary>
    Linear,

    /// <summary>Not at all.</summary>
    Constant,

    /// <summary>Along half a cosine again and again, each from the peak (Loshchilov and Hutter 2017, equation 5).</summary>
    CosineRestarts,

    /// <summary>Along a power of what is left of the way.</summary>
    Polynomial,

    /// <summary>With the inverse square root of the step (Vaswani et al. 2017, equation 3).</summary>
    InverseSquareRoot,

    /// <summary>Not at all until shortly before the end, then down (Hu et al. 2024, section 4.2; Hägele et al. 2024).</summary>
    WarmupStableDecay,

    /// <summary>Up to the peak and down again, along half a cosine each (Smith and Topin 2018).</summary>
    OneCycle,

    /// <summary>By a factor every so many steps.</summary>
    Step,
}
