using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Models;
using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using PreTrain.Optimization;
using PreTrain.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Quantization;

/// <summary>
/// Training with the roundings that a quantized model has, so that the weights find values that lose little by them. Each map computes with rounded values from the constructor on, while its weight of 32 bits is
/// trained; <see cref="Finish"/> makes the quantized model, whose outputs are those of the last forward pass.
/// </summary>
/// <remarks>
/// Give it as <see cref="TrainingOptions.Weights"/>, so that checkpoints hold the learned steps, and give <see cref="StepRule"/> to the optimizer. They are parameters named <c>….transform.weight_step</c> and
/// <c>….transform.input_step</c>. Each saved folder is an ordinary one with the weights of 32 bits; beside it, <c>steps.safetensors</c> holds the steps.
/// </remarks>
public sealed class QuantizationAwareTraining : IPretrainedModel, IDisposable
{
    private const string FileName = "steps.safetensors";
    private readonly QuantizedMaps _maps;
    private readonly ITransformerModel _model;

    /// <summary>Lets the maps of a model compute with rounded values.</summary>
    /// <param name="model">A trained model of any family, on the CPU.</param>
    /// <param name="options">What the quantized model will be, and what is left out.</param>
    /// <param name="method">How weights are rounded.</param>
    /// <param name="calibration">With <see cref="QuantizationScheme.Int8Static"/>, data that the first steps of the inputs come from: for each map at least 32 rows. Otherwise null.</param>
    /// <exception cref="ArgumentException">
    /// An option is out of range; a pattern fits nothing; groups do not divide the inputs of a map; a map computes with something else already; the method is not for such codes; the data are missing or too few.
    /// </exception>
    public QuantizationAwareTraining(ITransformerModel model, QuantizationOptions options, AwareMethod method = AwareMethod.StraightThrough, IEnumerable<ModelInput>? calibration = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (!Enum.IsDefined(method)) throw new ArgumentException($"The method ({method}) must be one of {string.Join(", ", Enum.GetNames<AwareMethod>())}.", nameof(method));
        if (model is { Device: { type: not DeviceType.CPU } device }) throw new ArgumentException($"The model is on {device}, and training with roundings computes on the CPU; move it there.", nameof(model));
        bool isStatic = options.Scheme == QuantizationScheme.Int8Static;
        if (options.HasQuantizedTiedHead) throw new ArgumentException($"{nameof(QuantizationOptions.HasQuantizedTiedHead)} must be false: the tied head is not trained with roundings.", nameof(options));
        if (isStatic && method != AwareMethod.LearnedStep) throw new ArgumentException($"{options.Scheme} is trained with {nameof(AwareMethod.LearnedStep)} (got {method}).", nameof(method));
        if (isStatic != calibration is not null) throw new ArgumentException(isStatic ? $"{options.Scheme} needs data for the first steps of its activations." : $"{options.Scheme} takes no data.", nameof(calibration));
        if (method == AwareMethod.LearnedStep && !(options.Format.IsSymmetric && !options.Format.IsNormalFloat && !options.HasHalfScales))
            throw new ArgumentException($"{nameof(AwareMethod.LearnedStep)} learns steps around 0, in 32 bits: take another scheme than {nameof(QuantizationScheme.NormalFloat4)}, {nameof(QuantizationOptions.IsSymmetric)} true with 4 bits, and {nameof(QuantizationOptions.HasHalfScales)} false.", nameof(options));
        _maps = new QuantizedMaps(model, options);
        _model = model;
        var sizes = isStatic ? _maps.All.ToDictionary(m => m.Map, m => new InputMagnitudes(m.Map)) : [];
        try
        {
            if (calibration is not null) _maps.Observe(calibration, map => sizes[map].Add, _ => QuantizedMaps.LeastRows, CancellationToken.None);
            foreach (var (_, map) in _maps.All) map.Transform = new AwareProjection(map, options, method, isStatic ? MeanOf(sizes[map]) : null);
        }
        finally
        {
            foreach (InputMagnitudes size in sizes.Values) size.Dispose();
        }

        static double MeanOf(InputMagnitudes sizes)
        {
            using Tensor means = sizes.Mean, mean = means.mean();
            return mean.item<float>();
        }
    }

    /// <summary>
    /// How the optimizer treats learned steps: without weight decay, and a hundredth as fast as weights. An optimizer that looks at signs more than at sizes, as Adam does, moves each parameter by the learning rate, and a
    /// step is smaller than the weights that it divides.
    /// </summary>
    public static ParameterRule StepRule { get; } = new() { Pattern = "*_step", LearningRateScale = 0.01, WeightDecay = false };

    /// <summary>The names of the maps.</summary>
    public IReadOnlyList<string> Maps => [.. _maps.All.Select(m => m.Name)];

    /// <summary>Makes the model a quantized one, as <see cref="Quantizer"/> does.</summary>
    /// <exception cref="InvalidOperationException">It is finished already; or a learned step is not positive and finite, and the model is as it was.</exception>
    /// <exception cref="ArgumentException">Weights are not finite. The model is as it was.</exception>
    public QuantizationResult Finish()
    {
        AwareProjection[] transforms = [.. _maps.All.Select(m => TransformOf(m.Map))];
        QuantizationResult result = _maps.Replace((name, map) => TransformOf(map).Convert(name, map), CancellationToken.None);
        foreach (AwareProjection transform in transforms) transform.Dispose();
        return result;
    }

    /// <inheritdoc/>
    public JsonObject ToConfigJson() => _model.ToConfigJson();

    /// <inheritdoc/>
    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        _model.SavePretrained(folder, weights);
        if (Steps().Any()) SafetensorsWriter.Write(Path.Combine(folder, FileName), Steps().Select(s => (s.Name, (weights?.GetValueOrDefault(s.Name) ?? s.Value).to(ScalarType.Float32))), new Dictionary<string, string> { ["format"] = "pt" });
    }

    /// <inheritdoc/>
    public void LoadPretrained(string folder)
    {
        using IDisposable mode = no_grad();
        if (!Steps().Any())
        {
            _model.LoadPretrained(folder);
            return;
        }
        string path = Path.Combine(folder, FileName);
        using CheckpointTensors file = CheckpointTensors.Open(path);
        string[] faults = [.. Steps().Where(s => !file.Contains(s.Name) || !file.Info(s.Name).Shape.SequenceEqual(s.Value.shape)).Select(s => s.Name)];
        if (faults.Length > 0) throw new CheckpointException(path, $"it does not fit the model: {string.Join(", ", faults)} are missing or have another shape.");
        _model.LoadPretrained(folder);
        foreach (var (name, value) in Steps()) file.ReadInto(name, value);
    }

    /// <summary>Takes the roundings away, and leaves all weights.</summary>
    public void Dispose()
    {
        foreach (var (_, map) in _maps.All)
        {
            if (map.Transform is not AwareProjection transform) continue;
            map.Transform = null;
            transform.Dispose();
        }
    }

    private IEnumerable<(string Name, Parameter Value)> Steps()
    {
        foreach (var (name, map) in _maps.All)
        {
            AwareProjection transform = TransformOf(map);
            if (transform.weight_step is { } weight) yield return (name + ".transform.weight_step", weight);
            if (transform.input_step is { } input) yield return (name + ".transform.input_step", input);
        }
    }

    private static AwareProjection TransformOf(Projection map) => map.Transform as AwareProjection ?? throw new InvalidOperationException("The training is finished.");
}
