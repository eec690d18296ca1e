using System.Text.Json.Nodes;

namespace PreTrain.Training;

/// <summary>Decides which steps are faulty and what is to be done, and remembers the faults of the run.</summary>
internal sealed class FaultGuard
{
    private readonly FaultOptions _options;
    private readonly List<TrainingFault> _faults = [];
    private SpikeDetector? _spikes;
    private int _inARow, _lastStep;

    /// <param name="options">The policies.</param>
    /// <param name="folder">The run's folder.</param>
    /// <param name="faults">From <see cref="Faults"/>'s state of a former training; null for none.</param>
    /// <param name="spikes">From <see cref="SpikeState"/>.</param>
    internal FaultGuard(FaultOptions options, string folder, JsonObject? faults, JsonObject? spikes)
    {
        _options = options;
        _spikes = options.Spike is null ? null : new SpikeDetector(options, spikes);
        if (faults is null) return;
        (_inARow, _lastStep) = (faults["inARow"]!.GetValue<int>(), faults["lastStep"]!.GetValue<int>());
        _faults.AddRange(faults["list"]!.AsArray().Select(fault => TrainingFault.FromJson(fault!.AsObject(), folder)));
    }

    /// <summary>All faults so far.</summary>
    internal IReadOnlyList<TrainingFault> Faults => _faults;

    /// <summary>The faults as they stand in a checkpoint; null before the first.</summary>
    internal JsonObject? State => _faults.Count == 0 ? null : new() { ["inARow"] = _inARow, ["lastStep"] = _lastStep, ["list"] = new JsonArray([.. _faults.Select(fault => (JsonNode)fault.ToJson())]) };

    /// <summary>What spikes are measured by, as it stands in a checkpoint; null where nobody looks for them.</summary>
    internal JsonObject? SpikeState => _spikes?.State;

    /// <summary>What is wrong with a step, and the action; null if nothing is.</summary>
    /// <param name="step">The step that is tried.</param>
    /// <param name="loss">Its loss.</param>
    /// <param name="norm">Its gradient's norm.</param>
    /// <param name="position">Where the data stood before its batches.</param>
    internal TrainingFault? Find(int step, double loss, double norm, JsonObject position)
    {
        (string Quantity, double Value, double? Limit, FaultPolicy Action) found;
        if (!double.IsFinite(loss)) found = ("loss", loss, null, _options.NotFinite);
        else if (!double.IsFinite(norm)) found = ("gradient norm", norm, null, _options.NotFinite);
        else if (_spikes?.Find(loss, norm) is { } spike) found = (spike.Quantity, spike.Value, spike.Limit, _options.Spike!.Value);
        else return null;
        int inARow = _inARow + 1;
        return new TrainingFault
        {
            Step = step,
            Quantity = found.Quantity,
            Value = found.Value,
            Limit = found.Limit,
            Action = inARow > _options.MaxInARow ? FaultPolicy.Stop : found.Action,
            InARow = inARow,
            Position = position,
        };
    }

    /// <summary>Remembers a fault.</summary>
    internal void Add(TrainingFault fault)
    {
        _faults.Add(fault);
        (_inARow, _lastStep) = (fault.InARow, Math.Max(_lastStep, fault.Step));
    }

    /// <summary>Takes an accepted step in. A fault is behind the run when its step has been completed, also after a way back.</summary>
    internal void Accept(int step, double loss, double norm)
    {
        _spikes?.Observe(loss, norm);
        if (step >= _lastStep) _inARow = 0;
    }

    /// <summary>Goes back to what a checkpoint has seen; the faults stay known.</summary>
    internal void ReturnTo(JsonObject? spikes)
    {
        if (_spikes is not null) _spikes = new SpikeDetector(_options, spikes);
    }
}
