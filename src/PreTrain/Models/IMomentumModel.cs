namespace PreTrain.Models;

/// <summary>A model with parameters that are not trained, but follow trained ones from step to step: a momentum encoder (He et al. 2020, "Momentum Contrast", section 3.2).</summary>
public interface IMomentumModel
{
    /// <summary>By the name of each parameter that follows, the name of the trained one that it follows.</summary>
    IReadOnlyDictionary<string, string> Followed { get; }

    /// <summary>The share m of its value that a following parameter keeps after a step, when it becomes m · itself + (1 − m) · the trained one.</summary>
    /// <param name="step">The step, from 1.</param>
    /// <param name="steps">The steps of the whole training.</param>
    double MomentumAt(int step, int steps);
}
