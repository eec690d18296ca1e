// B sequences, T tokens, C hidden states, L labels of a task
using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Models;
using PreTrain.Modules;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>
/// One encoder with a head for each of several tasks (hard sharing, Caruana 1997, "Multitask Learning"). Losses count fixed weights, or learn how uncertain each task is: exp(−s)·L + s/2, s = log σ², of numbers
/// exp(−s)·L/2 + s/2 (Kendall, Gal and Cipolla 2018, "Multi-Task Learning Using Uncertainty to Weigh Losses", equations 5 and 10). It is trained on an <see cref="Objectives.ObjectiveMixture{TModel}"/> of
/// <see cref="TaskClassification"/>s, and saved as the encoder's ordinary folder with <c>heads.json</c> and <c>heads.safetensors</c> beside it.
/// </summary>
public sealed class MultiTaskModel : nn.Module, IPretrainedModel
{
    private const string TasksFile = "heads.json", WeightsFile = "heads.safetensors", EncoderPrefix = "encoder.";
    internal readonly nn.Module encoder;
    internal readonly Parameter? log_variances;
    private readonly Dictionary<string, Projection> _heads = [];

    /// <summary>Puts heads on an encoder.</summary>
    /// <param name="encoder">An encoder without a head (<see cref="ModelHead.None"/>); it is disposed with this.</param>
    /// <param name="tasks">The tasks.</param>
    /// <param name="learnsWeights">Whether the weights of the tasks are learned.</param>
    /// <param name="generator">Where the heads are drawn from; torch's default generator if null.</param>
    /// <exception cref="ArgumentException">The encoder has a head, or reads no tokens from both sides; a task's name, number of outputs or weight is out of range.</exception>
    public MultiTaskModel(ITransformerModel encoder, IReadOnlyList<MultiTaskHead> tasks, bool learnsWeights = false, Generator? generator = null) : base(nameof(MultiTaskModel))
    {
        ArgumentNullException.ThrowIfNull(encoder);
        ArgumentNullException.ThrowIfNull(tasks);
        if (encoder is not IMaskedLanguageModel || encoder.Head != ModelHead.None || encoder is not nn.Module module)
            throw new ArgumentException($"The encoder must be one without a head, and this is a {encoder.ModelType} with {encoder.Head}; load it with {nameof(ModelHead)}.{nameof(ModelHead.None)}.", nameof(encoder));
        if (tasks.Count == 0) throw new ArgumentException("There must be at least one task.", nameof(tasks));
        foreach (MultiTaskHead task in tasks)
        {
            if (task.Name.Length == 0 || !task.Name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_')) throw new ArgumentException($"The name of a task ('{task.Name}') must be of letters, digits and _.", nameof(tasks));
            if (task.Outputs < 1) throw new ArgumentException($"The outputs of the task '{task.Name}' ({task.Outputs}) must be at least 1.", nameof(tasks));
            if (!(task.Weight > 0 && double.IsFinite(task.Weight))) throw new ArgumentException($"The weight of the task '{task.Name}' ({task.Weight}) must be positive.", nameof(tasks));
            if (tasks.Count(other => other.Name == task.Name) > 1) throw new ArgumentException($"The task '{task.Name}' occurs twice.", nameof(tasks));
        }
        (Encoder, this.encoder, Tasks) = (encoder, module, tasks);
        long width = WidthOf(encoder, module);
        if (learnsWeights) log_variances = new Parameter(zeros([tasks.Count], dtype: ScalarType.Float32, device: encoder.Device));
        RegisterComponents();
        foreach (MultiTaskHead task in tasks)
        {
            var head = new Projection(width, task.Outputs);
            using (no_grad())
            {
                head.weight.normal_(0, 0.02, generator);
                head.bias!.zero_();
            }
            head.to(encoder.Device);
            _heads.Add(task.Name, head);
            register_module("head_" + task.Name, head);
        }
    }

    /// <summary>The encoder.</summary>
    public ITransformerModel Encoder { get; }

    /// <summary>The tasks in order.</summary>
    public IReadOnlyList<MultiTaskHead> Tasks { get; }

    /// <summary>What the loss of each task counts now, by name: its fixed weight, or exp(−s).</summary>
    public IReadOnlyDictionary<string, double> Weights
    {
        get
        {
            using Tensor? learned = log_variances?.detach().to(ScalarType.Float32).cpu();
            float[]? values = learned?.data<float>().ToArray();
            return Tasks.Select((task, i) => (task.Name, Weight: values is null ? task.Weight : Math.Exp(-values[i]))).ToDictionary(t => t.Name, t => t.Weight);
        }
    }

    /// <summary>Loads what <see cref="SavePretrained"/> wrote.</summary>
    /// <param name="folder">The encoder's folder, with <c>heads.json</c> and <c>heads.safetensors</c>.</param>
    /// <returns>The model, in evaluation mode.</returns>
    /// <exception cref="CheckpointException">A file is missing or damaged, or does not fit.</exception>
    public static MultiTaskModel FromPretrained(string folder)
    {
        string path = Path.Combine(folder, TasksFile);
        if (!File.Exists(path)) throw new CheckpointException(path, "missing; the folder of several tasks holds it beside the encoder.");
        MultiTaskHead[] tasks;
        bool learns;
        try
        {
            JsonObject json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
            tasks = [.. json["tasks"]!.AsArray().Select(t => new MultiTaskHead(t!["name"]!.GetValue<string>(), t["outputs"]!.GetValue<int>(), t["weight"]!.GetValue<double>()))];
            learns = json["learnsWeights"]!.GetValue<bool>();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or NullReferenceException)
        {
            throw new CheckpointException(path, $"it is damaged: {e.Message}", e);
        }
        ITransformerModel encoder = AutoModel.FromPretrained(folder, ModelHead.None);
        try
        {
            var model = new MultiTaskModel(encoder, tasks, learns);
            model.LoadHeads(folder);
            model.eval();
            return model;
        }
        catch (Exception e)
        {
            encoder.Dispose();
            if (e is ArgumentException) throw new CheckpointException(path, e.Message, e);
            throw;
        }
    }

    /// <summary>A task's scores.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="input">Tokens.</param>
    /// <returns>(B, L), in the type of the weights.</returns>
    /// <exception cref="ArgumentException">There is no such task.</exception>
    public Tensor Forward(string task, ModelInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        if (!_heads.TryGetValue(task, out Projection? head)) throw new ArgumentException($"There is no task '{task}'; the model has {string.Join(", ", _heads.Keys)}.", nameof(task));
        using DisposeScope scope = NewDisposeScope();
        ModelOutput output = Encoder.Forward(input);
        return scope.MoveToOuter(head.forward(output.Pooled ?? output.Logits.select(1, 0)));   // the first token stands for the sequence
    }

    /// <inheritdoc/>
    public JsonObject ToConfigJson() => new() { ["encoder"] = Encoder.ToConfigJson(), ["heads"] = TasksJson() };

    /// <inheritdoc/>
    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null)
    {
        Encoder.SavePretrained(folder, weights?.Where(w => w.Key.StartsWith(EncoderPrefix, StringComparison.Ordinal)).ToDictionary(w => w.Key[EncoderPrefix.Length..], w => w.Value));
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        SafetensorsWriter.Write(Path.Combine(folder, WeightsFile), OfHeads().Select(p => (p.Name, (weights?.GetValueOrDefault(p.Name) ?? p.Value).to(ScalarType.Float32))), new Dictionary<string, string> { ["format"] = "pt" });
        AtomicFile.WriteAllText(Path.Combine(folder, TasksFile), TasksJson().ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
    }

    /// <inheritdoc/>
    public void LoadPretrained(string folder)
    {
        Encoder.LoadPretrained(folder);
        LoadHeads(folder);
    }

    private void LoadHeads(string folder)
    {
        string path = Path.Combine(folder, WeightsFile);
        using CheckpointTensors file = CheckpointTensors.Open(path);
        using IDisposable mode = no_grad();
        string[] faults = [.. OfHeads().Where(p => !file.Contains(p.Name) || !file.Info(p.Name).Shape.SequenceEqual(p.Value.shape)).Select(p => p.Name)];
        if (faults.Length > 0) throw new CheckpointException(path, $"it does not fit the tasks: {string.Join(", ", faults)} are missing or have another shape.");
        foreach (var (name, value) in OfHeads()) file.ReadInto(name, value);
    }

    private IEnumerable<(string Name, Parameter Value)> OfHeads() => named_parameters().Where(p => !p.name.StartsWith(EncoderPrefix, StringComparison.Ordinal)).Select(p => (p.name, p.parameter));

    private JsonObject TasksJson() => new()
    {
        ["tasks"] = new JsonArray([.. Tasks.Select(task => (JsonNode)new JsonObject { ["name"] = task.Name, ["outputs"] = task.Outputs, ["weight"] = task.Weight })]),
        ["learnsWeights"] = log_variances is not null,
    };

    /// <summary>The width of what heads read: of one token, since every family calls it otherwise.</summary>
    private static long WidthOf(ITransformerModel encoder, nn.Module module)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        bool training = module.training;
        module.eval();
        ModelOutput output = encoder.Forward(new ModelInput { Ids = zeros([1, 1], dtype: ScalarType.Int64, device: encoder.Device) });
        module.train(training);
        return (output.Pooled ?? output.Logits).size(-1);
    }
}
