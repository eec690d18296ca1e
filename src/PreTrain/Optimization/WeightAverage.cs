using System.Globalization;
using PreTrain.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>An average of the weights over the steps of a training, in 32 bits.</summary>
public sealed class WeightAverage : IDisposable
{
    private const string Prefix = "average.";
    private const long PieceElements = 1 << 22;
    private readonly FlatParameters _parameters;
    private readonly WeightAverageOptions _options;
    private readonly Tensor _fresh;
    private long _count;

    /// <summary>Starts without an update.</summary>
    /// <param name="parameters">The weights; they stay the caller's to dispose.</param>
    /// <param name="options">How to average.</param>
    /// <exception cref="ArgumentException">Options are out of range; the message names each.</exception>
    public WeightAverage(FlatParameters parameters, WeightAverageOptions options)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(options);
        string[] faults = [.. options.Faults()];
        if (faults.Length > 0) throw new ArgumentException(string.Join(" ", faults));
        (_parameters, _options) = (parameters, options);
        using DisposeScope scope = NewDisposeScope();
        Values = zeros_like(parameters.Master).DetachFromDisposeScope();
        _fresh = full([], 1 - options.Decay, dtype: ScalarType.Float32, device: parameters.Master.device).DetachFromDisposeScope();
    }

    /// <summary>The average, in the layout of <see cref="FlatParameters"/>; zeros before the first update.</summary>
    public Tensor Values { get; }

    /// <summary>Whether there was an update.</summary>
    public bool HasValues => _count > 0;

    /// <summary>Takes the weights after a step in, if the step is one that counts.</summary>
    /// <param name="step">The step, from 1.</param>
    public void Update(int step)
    {
        if (step < _options.StartStep || (step - _options.StartStep) % _options.Every != 0) return;
        using IDisposable mode = no_grad();
        if (_count == 0)
        {
            Values.copy_(_parameters.Master);
        }
        else if (_options.Kind == WeightAverageKind.Exponential)
        {
            Values.lerp_(_parameters.Master, _fresh);
        }
        else
        {
            using Tensor share = full([], 1.0 / (_count + 1), dtype: ScalarType.Float32, device: Values.device);
            Values.lerp_(_parameters.Master, share);
        }
        _count++;
    }

    /// <summary>Lets the model compute with the average until the result is disposed. Before the first update it changes nothing.</summary>
    public IDisposable Apply() => new Application(HasValues ? this : null);

    /// <summary>Writes the average as a safetensors file, atomically.</summary>
    /// <param name="path">The file to create or replace.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Save(string path)
    {
        using DisposeScope scope = NewDisposeScope();
        SafetensorsWriter.Write(path, Named(), new Dictionary<string, string> { ["updates"] = _count.ToString(CultureInfo.InvariantCulture) });
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="CheckpointException">The file is missing or damaged, or belongs to other parameters.</exception>
    public void Load(string path)
    {
        using DisposeScope scope = NewDisposeScope();
        using SafetensorsFile file = SafetensorsFile.Open(path);
        if (!file.Metadata.TryGetValue("updates", out string? text) || !long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long count))
            throw new CheckpointException(path, "its header has no number of updates; it is not an average of weights.");
        foreach (var (name, view) in Named()) file.ReadInto(name, view);
        _count = count;
    }

    /// <summary>Frees the average.</summary>
    public void Dispose()
    {
        Values.Dispose();
        _fresh.Dispose();
    }

    private IEnumerable<(string, Tensor)> Named() => _parameters.Split(Values).Select(s => (Prefix + s.Name, s.View));

    /// <summary>In 32 bits the model computes with the master values themselves, so that the two change places; else its copy is made of the one or the other.</summary>
    private void Exchange(bool average)
    {
        using IDisposable mode = no_grad();
        if (!ReferenceEquals(_parameters.Compute, _parameters.Master))
        {
            _parameters.Compute.copy_(average ? Values : _parameters.Master);
            return;
        }
        for (long start = 0; start < _parameters.Length; start += PieceElements)
        {
            using DisposeScope scope = NewDisposeScope();
            long count = Math.Min(PieceElements, _parameters.Length - start);
            Tensor master = _parameters.Master.narrow(0, start, count), values = Values.narrow(0, start, count), kept = master.clone();
            master.copy_(values);
            values.copy_(kept);
        }
    }

    private sealed class Application : IDisposable
    {
        private WeightAverage? _owner;

        internal Application(WeightAverage? owner)
        {
            _owner = owner;
            owner?.Exchange(average: true);
        }

        public void Dispose()
        {
            _owner?.Exchange(average: false);
            _owner = null;
        }
    }
}
