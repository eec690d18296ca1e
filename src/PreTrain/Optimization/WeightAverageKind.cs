namespace PreTrain.Optimization;

/// <summary>What a <see cref="WeightAverage"/> is.</summary>
public enum WeightAverageKind
{
    /// <summary>An exponential moving average: a ← d·a + (1 − d)·w (Polyak and Juditsky 1992; Tarvainen and Valpola 2017, section 2).</summary>
    Exponential,

    /// <summary>The mean of all weights since a step (stochastic weight averaging; Izmailov et al. 2018, algorithm 1).</summary>
    Equal,
}
