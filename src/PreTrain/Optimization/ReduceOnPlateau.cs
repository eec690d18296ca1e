using System.Text.Json.Nodes;

namespace PreTrain.Optimization;

/// <summary>Reduces the learning rate when the loss on held-out data has stopped falling, as PyTorch's <c>ReduceLROnPlateau</c> with a relative threshold does.</summary>
public sealed class ReduceOnPlateau
{
    private readonly PlateauOptions _options;
    private double _best = double.PositiveInfinity;
    private int _bad, _cooldown;

    /// <summary>Starts with the full rate.</summary>
    /// <param name="options">The constants.</param>
    /// <param name="state">From <see cref="State"/> of a former training; null for none.</param>
    /// <exception cref="ArgumentException">Options are out of range; the message names each.</exception>
    public ReduceOnPlateau(PlateauOptions options, JsonObject? state = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        string[] faults = [.. options.Faults()];
        if (faults.Length > 0) throw new ArgumentException(string.Join(" ", faults));
        _options = options;
        if (state is null) return;
        _best = state["best"]?.GetValue<double>() ?? double.PositiveInfinity;
        (_bad, _cooldown, Scale) = (state["bad"]!.GetValue<int>(), state["cooldown"]!.GetValue<int>(), state["scale"]!.GetValue<double>());
    }

    /// <summary>What the schedule's rate is to be multiplied with.</summary>
    public double Scale { get; private set; } = 1;

    /// <summary>All that a resumed training needs.</summary>
    public JsonObject State => new() { ["best"] = double.IsFinite(_best) ? _best : null, ["bad"] = _bad, ["cooldown"] = _cooldown, ["scale"] = Scale };

    /// <summary>Takes the loss of an evaluation in.</summary>
    /// <param name="loss">The loss.</param>
    public void Observe(double loss)
    {
        if (loss < _best * (1 - _options.Threshold)) (_best, _bad) = (loss, 0);
        else _bad++;
        if (_cooldown > 0) (_cooldown, _bad) = (_cooldown - 1, 0);
        if (_bad <= _options.Patience) return;
        Scale = Math.Max(Scale * _options.Factor, _options.MinimumScale);
        (_cooldown, _bad) = (_options.Cooldown, 0);
    }
}
