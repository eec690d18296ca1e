namespace PreTrain.Modules;

/// <summary>The function between the two maps of a feed-forward layer.</summary>
public enum Activation
{
    /// <summary>x·Φ(x), with the error function (Hendrycks and Gimpel 2016, section 2).</summary>
    Gelu,

    /// <summary>Its tanh form, GPT-2's.</summary>
    GeluTanh,

    /// <summary>max(0, x).</summary>
    Relu,

    /// <summary>x·σ(x) (Elfwing et al. 2018).</summary>
    Silu,

    /// <summary>max(0, x)² (So et al. 2021).</summary>
    SquaredRelu,

    /// <summary>tanh x.</summary>
    Tanh,
}
