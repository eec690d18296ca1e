namespace PreTrain.Modules;

/// <summary>Which rotary frequencies a <see cref="RotaryScaling"/> stretches.</summary>
public enum RotaryScalingKind
{
    /// <summary>All alike: positions are interpolated (Chen et al. 2023, "Position Interpolation", equation 4).</summary>
    Linear,

    /// <summary>Low ones whole, high ones not, those between in part (Llama 3.1; Grattafiori et al. 2024, section 3.4).</summary>
    Llama3,
}
