using System.Text.Json.Nodes;

namespace PreTrain.Optimization;

/// <summary>
/// The simple noise scale of the gradient, tr(Σ) / |G|² (McCandlish et al. 2018, equation 2.9 and appendix A.1): about the batch size up to which a larger batch makes each
/// step nearly as much better. It is estimated from the norms of the gradient of a small and a large batch; both estimates are averaged over steps before they are divided.
/// </summary>
public sealed class GradientNoiseScale
{
    private readonly double _decay;
    private double _signal, _noise, _weight;

    /// <summary>Starts without an observation.</summary>
    /// <param name="decay">The share of the former average that stays in each observation.</param>
    /// <param name="state">From <see cref="State"/> of a former training; null for none.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="decay"/> is not from 0 to below 1.</exception>
    public GradientNoiseScale(double decay = 0.95, JsonObject? state = null)
    {
        if (!(decay >= 0 && decay < 1)) throw new ArgumentOutOfRangeException(nameof(decay), decay, "It must be at least 0 and below 1.");
        _decay = decay;
        if (state is not null) (_signal, _noise, _weight) = (state["signal"]!.GetValue<double>(), state["noise"]!.GetValue<double>(), state["weight"]!.GetValue<double>());
    }

    /// <summary>The scale in the unit of the batch sizes; null before the first observation and while the estimate of |G|² is not positive.</summary>
    public double? Value => _weight > 0 && _signal > 0 ? _noise / _signal : null;

    /// <summary>All that a resumed training needs.</summary>
    public JsonObject State => new() { ["signal"] = _signal, ["noise"] = _noise, ["weight"] = _weight };

    /// <summary>Takes the gradients of a step in. Each is that of the mean loss over its batch; the small batch may be a part of the large one.</summary>
    /// <param name="smallNorm">The norm of the small batch's gradient.</param>
    /// <param name="smallSize">The small batch's size, in examples or targets.</param>
    /// <param name="largeNorm">The norm of the large batch's gradient.</param>
    /// <param name="largeSize">The large batch's size.</param>
    /// <exception cref="ArgumentException">The sizes are not positive and rising.</exception>
    public void Observe(double smallNorm, double smallSize, double largeNorm, double largeSize)
    {
        if (!(smallSize > 0 && largeSize > smallSize)) throw new ArgumentException($"{nameof(smallSize)} ({smallSize}) must be positive and below {nameof(largeSize)} ({largeSize}).");
        double small = smallNorm * smallNorm, large = largeNorm * largeNorm;
        double signal = (largeSize * large - smallSize * small) / (largeSize - smallSize);
        double noise = (small - large) / (1 / smallSize - 1 / largeSize);
        (_signal, _noise, _weight) = (_decay * _signal + (1 - _decay) * signal, _decay * _noise + (1 - _decay) * noise, _decay * _weight + (1 - _decay));
    }
}
