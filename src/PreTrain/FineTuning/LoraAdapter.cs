using System.Text.Json.Nodes;
using PreTrain.Models;
using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using PreTrain.Objectives;
using PreTrain.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>
/// Low-rank updates of a model's linear maps (Hu et al. 2021), which are trained in place of the weights. A model can have several, each by its name, of which any are active. They are saved
/// apart from the model, as the library PEFT does it (<c>adapter_config.json</c>, <c>adapter_model.safetensors</c>), or merged into its weights. Those weights may be of few bits, as long as activations are not
/// (Dettmers et al. 2023, "QLoRA").
/// </summary>
/// <remarks>
/// <para>While it has an adapter, the model's own parameters are frozen, but for those that <see cref="LoraOptions.Trained"/> names and those that the model's folder lacked
/// (<see cref="LoadedWeights.New"/>), such as a new head and its pooler. To train, give the adapter as <see cref="Training.TrainingOptions.Weights"/>: checkpoints hold it alone then.</para>
/// </remarks>
public sealed class LoraAdapter : IAdapter
{
    private readonly nn.Module _model;
    private readonly List<(string Name, Projection Projection)> _projections = [];
    private readonly FrozenBase _base;
    private readonly List<Projection> _merged = [];
    private bool _disposed;

    /// <summary>Adapts a model. Its results stay what they are until the adapter is trained.</summary>
    /// <param name="model">A model of any family.</param>
    /// <param name="options">Rank, scale, and which maps are adapted.</param>
    /// <param name="name">Tells several adapters of one model apart.</param>
    /// <param name="generator">Where A is drawn from; torch's default generator if null.</param>
    /// <exception cref="ArgumentException">An option is out of range; a pattern fits nothing; the model has an adapter of that name already, or linear maps that something else has replaced.</exception>
    public LoraAdapter(ITransformerModel model, LoraOptions options, string name = "default", Generator? generator = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentException.ThrowIfNullOrEmpty(name);
        options.Validate();
        if (name.Contains('.') || name == LowRankTransform.BaseName) throw new ArgumentException($"The name of an adapter ('{name}') must not contain a point, nor be '{LowRankTransform.BaseName}'.", nameof(name));
        (Model, _model, Options, Name) = (model, model as nn.Module ?? throw new ArgumentException("The model must be a module of torch.", nameof(model)), options, name);
        foreach (QuantizedProjection quantized in _model.modules().OfType<QuantizedProjection>())
        {
            if (!quantized.IsWeightOnly) throw new ArgumentException($"A linear map of the model rounds its inputs ({quantized.Scheme}), so that no gradient passes it; quantize weights alone ({nameof(QuantizationScheme.NormalFloat4)}, {nameof(QuantizationScheme.Int4Weights)}, {nameof(QuantizationScheme.Int8Weights)}).", nameof(model));
        }
        foreach (var (path, projection) in AdapterTargets.SelectOrDefault(_model, nameof(options.Targets), options.Targets, Usual(model), transform => transform is LowRankTransform or QuantizedProjection, options.Trained))
        {
            if (projection.Transform is LowRankTransform { Updates: var updates } && updates.ContainsKey(name)) throw new ArgumentException($"The model has an adapter '{name}' already; give this one another name.", nameof(name));
            _projections.Add((path, projection));
        }
        _base = new FrozenBase(_model, options.Trained, path => _projections.Exists(p => path.StartsWith(p.Name + ".", StringComparison.Ordinal)));
        try
        {
            foreach (var (_, projection) in _projections)
            {
                if (projection.Transform is not LowRankTransform transform)
                {
                    var quantized = (QuantizedProjection?)projection.Transform;
                    projection.Transform = transform = new LowRankTransform(quantized);
                }
                using Tensor? values = transform.Quantized?.Weight.Dequantize(projection.weight.device, ScalarType.Float32);
                transform.Add(name, new LowRankUpdate(values ?? projection.weight, options, generator));
            }
            SetBase(true);
            _model.train(_model.training);
        }
        catch
        {
            Dispose();   // a device may have no room for them
            throw;
        }
    }

    /// <summary>The model.</summary>
    public ITransformerModel Model { get; }

    /// <inheritdoc/>
    public AdapterKind Kind => AdapterKind.Lora;

    /// <inheritdoc/>
    public bool CanMerge => true;

    /// <summary>Rank, scale, and which maps are adapted.</summary>
    public LoraOptions Options { get; }

    /// <summary>What tells it from other adapters of the model.</summary>
    public string Name { get; }

    /// <summary>Whether the updates take part in what the model computes.</summary>
    public bool IsActive
    {
        get;
        set
        {
            field = value;
            foreach (LowRankUpdate update in Updates) update.IsActive = value && !IsMerged;
        }
    } = true;

    /// <summary>What the updates count in what the model computes and in <see cref="Merge"/>, so that a sum of several adapters can be weighed.</summary>
    /// <value>The default is 1.</value>
    /// <exception cref="ArgumentException">It is not finite, or not 1 where lengths are trained (<see cref="LoraOptions.IsWeightDecomposed"/>).</exception>
    /// <exception cref="InvalidOperationException">The adapter is merged.</exception>
    public double Weight
    {
        get;
        set
        {
            if (!double.IsFinite(value)) throw new ArgumentException($"The weight of an adapter ({value}) must be finite.", nameof(value));
            if (value != 1 && Options.IsWeightDecomposed) throw new ArgumentException($"The weight of an adapter ({value}) must be 1 where it has lengths of its own, which are no sum.", nameof(value));
            if (IsMerged) throw new InvalidOperationException($"The adapter '{Name}' is merged; its weight cannot change any more.");
            field = value;
            foreach (LowRankUpdate update in Updates) update.Scale = value * update.Unit;
        }
    } = 1;

    /// <summary>Whether the updates are in the weights.</summary>
    public bool IsMerged => _merged.Count > 0;

    /// <summary>The names of the adapted maps.</summary>
    public IReadOnlyList<string> Targets => [.. _projections.Select(p => p.Name)];

    /// <summary>The number of trained values: those of the updates, and of the parameters beside them.</summary>
    public long ParameterCount => Updates.Sum(u => u.a.numel() + u.b.numel() + (u.magnitude?.numel() ?? 0)) + _base.Trained.Values.Sum(p => p.numel());

    private IEnumerable<LowRankUpdate> Updates => _projections.Select(p => Update(p.Projection));

    /// <summary>Adapts a model by what <see cref="SavePretrained"/> or PEFT wrote.</summary>
    /// <param name="model">The model that it was trained on.</param>
    /// <param name="folder">Holds <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>.</param>
    /// <param name="name">Tells several adapters of one model apart.</param>
    /// <exception cref="Checkpoints.CheckpointException">A file is missing or damaged, or the adapter is for another model; all misfits are named together.</exception>
    public static LoraAdapter FromPretrained(ITransformerModel model, string folder, string name = "default")
    {
        ArgumentNullException.ThrowIfNull(model);
        LoraOptions options = LoraFolder.ReadOptions(folder, model);
        return AdapterFolder.Load(new LoraAdapter(model, options, name), folder, adapter => adapter.Tensors());
    }

    /// <summary>
    /// Adds the updates to the weights, so that the model computes as fast as without them, and can be saved as an ordinary folder. Several adapters are merged in any order. A weight of few bits is made one of
    /// 32, and takes the nearest codes again, so that updates smaller than a step may be lost.
    /// </summary>
    /// <exception cref="InvalidOperationException">It is merged already.</exception>
    /// <exception cref="ArgumentException">What a weight of few bits becomes is not finite, or beyond what its scales hold. All weights are as they were then.</exception>
    public void Merge()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (IsMerged) throw new InvalidOperationException($"The adapter '{Name}' is merged already.");
        using IDisposable mode = no_grad();
        try
        {
            foreach (var (_, projection) in _projections)
            {
                TransformOf(projection).Merge(projection, Update(projection));
                _merged.Add(projection);
                Update(projection).IsActive = false;
            }
        }
        catch when (IsMerged)
        {
            Unmerge();
            throw;
        }
    }

    /// <summary>Takes the updates out of the weights, which are to the last bit what they were before <see cref="Merge"/>, or, where others were merged since, what those alone make of them.</summary>
    /// <exception cref="InvalidOperationException">It is not merged.</exception>
    public void Unmerge()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (!IsMerged) throw new InvalidOperationException($"The adapter '{Name}' is not merged.");
        using IDisposable mode = no_grad();
        foreach (Projection projection in _merged)
        {
            TransformOf(projection).Unmerge(projection, Update(projection));
            Update(projection).IsActive = IsActive;
        }
        _merged.Clear();
    }

    /// <summary>
    /// Starts A where the loss falls fastest, in the directions of a map's inputs along which the gradient of its weight is largest, instead of random ones (Wang, Yu and Li 2024, "LoRA-GA: Low-Rank Adaptation with
    /// Gradient Approximation", section 3; B stays zero here, so that the model's results stay what they are). What the adapter learns in as many steps comes closer to what all weights would. It takes the memory
    /// of one gradient of each adapted weight while it is computed, and must come before the training.
    /// </summary>
    /// <typeparam name="TModel">The model's type, or what it implements.</typeparam>
    /// <param name="objective">What is to be learned.</param>
    /// <param name="batchSize">Rows of a batch.</param>
    /// <param name="batches">Over how many the gradient is taken.</param>
    /// <param name="seed">What the batches follow from.</param>
    /// <exception cref="ArgumentException">The objective is for other models, or a gradient is not finite.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="batchSize"/> or <paramref name="batches"/> is not positive.</exception>
    /// <exception cref="InvalidOperationException">The adapter has been trained or merged, or weights beneath it are of few bits, and have no gradient.</exception>
    /// <exception cref="Data.CorpusException">The data is too short or damaged.</exception>
    public void AlignToGradient<TModel>(IObjective<TModel> objective, int batchSize = 32, int batches = 16, long seed = 0) where TModel : class
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentNullException.ThrowIfNull(objective);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchSize);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batches);
        TModel model = Model as TModel ?? throw new ArgumentException($"The objective '{objective.Name}' is for models of another kind ({typeof(TModel).Name}) than {Model.GetType().Name}.", nameof(objective));
        if (IsMerged || Updates.Any(update => !update.IsNew)) throw new InvalidOperationException($"The adapter '{Name}' has learned already; its start comes before.");
        if (_projections.Find(p => TransformOf(p.Projection).Quantized is not null).Name is { } quantized) throw new InvalidOperationException($"The weight of '{quantized}' is in few bits, and has no gradient; align the adapter of a model that is not quantized.");
        HashSet<nint> adapted = [.. _projections.Select(p => p.Projection.weight.Handle)];
        (Parameter Parameter, bool Learns)[] before = [.. _model.parameters().Select(p => (p, p.requires_grad))];
        bool training = _model.training;
        try
        {
            foreach (var (parameter, _) in before) parameter.requires_grad = adapted.Contains(parameter.Handle);
            _model.eval();
            using IBatchSource source = objective.Open(new RandomStreams(seed), model, batchSize);
            for (int i = 0; i < batches; i++)
            {
                using DisposeScope scope = NewDisposeScope();
                Batch batch = source.Next(default);
                objective.Loss(model, batch, Math.Max(1, batch.ValidTargets)).backward();
            }
            foreach (var (path, projection) in _projections)
            {
                if (projection.weight.grad is not { } gradient) continue;   // the objective does not use it
                using DisposeScope scope = NewDisposeScope();
                if (!gradient.isfinite().all().item<bool>()) throw new ArgumentException($"The gradient of '{path}' is not finite: look at the data, or at the weights.", nameof(objective));
                Update(projection).Align(gradient, projection.weight);
            }
        }
        finally
        {
            foreach (var (_, projection) in _projections) projection.weight.grad = null;
            foreach (var (parameter, learns) in before) parameter.requires_grad = learns;
            _model.train(training);
        }
    }

    /// <inheritdoc/>
    public IReadOnlyCollection<Parameter> SavedParameters => [.. Tensors().SelectMany(tensor => tensor.Parameters)];

    /// <inheritdoc/>
    public JsonObject ToConfigJson() => new() { ["base"] = Model.ToConfigJson(), [AdapterFiles.BaseName] = _base.Fingerprint, ["adapter"] = LoraFolder.ConfigOf(this), ["alpha"] = Options.IsHadamard ? Options.Alpha : null };

    /// <inheritdoc/>
    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null) => AdapterFiles.Write(folder, LoraFolder.ConfigOf(this), Tensors(), weights, _base.FingerprintOf(IsMerged));

    /// <inheritdoc/>
    public void LoadPretrained(string folder) => AdapterFiles.Read(folder, Tensors());

    /// <summary>Takes the adapter away, leaving the weights as they are: merged, if it was, and then for good. The model's parameters can be trained again.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        using IDisposable mode = no_grad();
        foreach (var (_, projection) in _projections)
        {
            if (projection.Transform is not LowRankTransform transform) continue;
            if (transform.Updates.TryGetValue(Name, out LowRankUpdate? update)) transform.Keep(update);
            transform.Remove(Name);
            if (transform.Updates.Count > 0) continue;
            projection.Transform = transform.Release();
            transform.Dispose();
        }
        if (!_model.modules().Any(module => module is LowRankTransform)) SetBase(false);
        _base.Dispose();
    }

    /// <summary>The names of the parameters that are trained as a whole.</summary>
    internal IEnumerable<string> Trained => _base.Trained.Keys;

    /// <summary>Each trained value: its name in the model, the name that PEFT gives it, the value, and what it is multiplied with in PEFT's files.</summary>
    internal IEnumerable<(string Ours, string Theirs, Parameter Value, double Factor)> Parameters()
    {
        Dictionary<string, string> theirs = AdapterFiles.NamesOf(Model);
        foreach (var (path, projection) in _projections)
        {
            string ours = $"{path}.transform.{Name}.", module = AdapterFiles.Prefix + AdapterFiles.ModuleOf(theirs, path);
            LowRankUpdate update = Update(projection);
            yield return (ours + "a", module + LoraFolder.NameOfA(Options.IsHadamard), update.a, 1);
            yield return (ours + "b", module + LoraFolder.NameOfB(Options.IsHadamard), update.b, Options.IsHadamard ? update.Unit : 1);
            if (update.magnitude is { } magnitude) yield return (ours + "magnitude", $"{module}.lora_magnitude_vector", magnitude, 1);
        }
        foreach (var (path, parameter) in _base.Trained) yield return (path, AdapterFiles.Prefix + theirs.GetValueOrDefault(path, path), parameter, 1);
    }

    /// <summary>The maps of the blocks; where a task's head reads another map of them (ModernBERT's <c>transform</c>, BERT's <c>pooler</c>), that one too.</summary>
    private static string[] Usual(ITransformerModel model) =>
        model.Head is ModelHead.SequenceClassification or ModelHead.TokenClassification or ModelHead.QuestionAnswering ? ["*blocks.*", "transform", "pooler"] : ["*blocks.*"];

    /// <summary>Gradients pass the maps of few bits, those without an update too.</summary>
    private void SetBase(bool value)
    {
        foreach (QuantizedProjection quantized in _model.modules().OfType<QuantizedProjection>()) quantized.IsBase = value;
    }

    private IEnumerable<AdapterTensor> Tensors() => Parameters().Where(p => !_base.Trained.ContainsKey(p.Ours)).Select(p => AdapterTensor.Of(p.Ours, p.Theirs, p.Value, factor: p.Factor))
        .Concat(AdapterFiles.Whole(Model, _base.Trained, AdapterFiles.Prefix));

    private LowRankUpdate Update(Projection projection) => TransformOf(projection).Updates[Name];

    private static LowRankTransform TransformOf(Projection projection) => (LowRankTransform)projection.Transform!;
}
