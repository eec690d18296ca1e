using System.Text.Json.Nodes;

namespace PreTrain.Optimization;

/// <summary>
/// The factor that a loss is multiplied with before the backward pass, so that small gradients are not lost in 16-bit floats (Micikevicius et al. 2018, sections 3.2 and 4): as large as
/// it can be without an overflow. Powers of two, which change no digit.
/// </summary>
internal sealed class LossScaler
{
    internal const double Initial = 65536, Growth = 2, BackOff = 0.5, Least = 1, Most = 16777216;
    internal const int GrowthSteps = 2000;

    private int _good;

    internal LossScaler(JsonObject? state = null)
    {
        if (state is not null) (Scale, _good) = (state["scale"]!.GetValue<double>(), state["goodSteps"]!.GetValue<int>());
    }

    /// <summary>The factor.</summary>
    internal double Scale { get; private set; } = Initial;

    /// <summary>Whether a smaller factor can be tried after an overflow.</summary>
    internal bool CanBackOff => Scale > Least;

    /// <summary>All that a resumed training needs.</summary>
    internal JsonObject State => new() { ["scale"] = Scale, ["goodSteps"] = _good };

    /// <summary>Takes a step in whose gradient was finite.</summary>
    internal void Accept()
    {
        if (++_good < GrowthSteps) return;
        (Scale, _good) = (Math.Min(Scale * Growth, Most), 0);
    }

    /// <summary>Takes a step in whose gradient was not.</summary>
    internal void Overflow() => (Scale, _good) = (Math.Max(Scale * BackOff, Least), 0);
}
