using System.Text.Json.Nodes;

namespace PreTrain.Training;

/// <summary>Counts the evaluations that brought no improvement.</summary>
internal sealed class EarlyStopping
{
    private readonly EarlyStoppingOptions _options;
    private double _best = double.PositiveInfinity;
    private int _bad;

    internal EarlyStopping(EarlyStoppingOptions options, JsonObject? state = null)
    {
        _options = options;
        if (state is null) return;
        (_best, _bad) = (state["best"]?.GetValue<double>() ?? double.PositiveInfinity, state["bad"]!.GetValue<int>());
    }

    /// <summary>Whether the training is to end.</summary>
    internal bool IsDue => _bad >= _options.Patience;

    /// <summary>All that a resumed training needs.</summary>
    internal JsonObject State => new() { ["best"] = double.IsFinite(_best) ? _best : null, ["bad"] = _bad };

    /// <summary>Takes the loss of an evaluation in.</summary>
    internal void Observe(double loss)
    {
        if (loss < _best - _options.MinimumDelta) (_best, _bad) = (loss, 0);
        else _bad++;
    }
}
