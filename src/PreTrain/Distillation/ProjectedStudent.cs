using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Distillation;

/// <summary>
/// A student together with learned maps from its hidden states to those of a wider teacher, which are trained along (Jiao et al. 2020, "TinyBERT", equations 8 and 9). Saved is the student as
/// an ordinary folder, and beside it the maps as <c>projections.safetensors</c>, which nobody needs when the training is over.
/// </summary>
/// <typeparam name="TModel">The student's type.</typeparam>
public sealed class ProjectedStudent<TModel> : nn.Module, IPretrainedModel where TModel : nn.Module, ITransformerModel
{
    private const string MapsFile = "projections.safetensors";
    private readonly TModel student;
    internal readonly HiddenMaps projections;

    /// <summary>Puts maps beside a student.</summary>
    /// <param name="student">The student; it is disposed with this.</param>
    /// <param name="teacher">The teacher, for the width of its hidden states.</param>
    /// <param name="generator">Where the maps' initial values are drawn from; torch's default generator if null.</param>
    public ProjectedStudent(TModel student, ITransformerModel teacher, Generator? generator = null) : base("ProjectedStudent")
    {
        ArgumentNullException.ThrowIfNull(student);
        ArgumentNullException.ThrowIfNull(teacher);
        this.student = student;
        projections = new HiddenMaps(WidthOf(student), WidthOf(teacher), student is ISequenceToSequenceModel, generator);
        projections.to(student.Device);
        RegisterComponents();
    }

    /// <summary>The student.</summary>
    public TModel Student => student;

    /// <inheritdoc/>
    public JsonObject ToConfigJson() => new() { [nameof(student)] = student.ToConfigJson(), ["teacherWidth"] = projections.hidden.weight.size(0) };

    /// <inheritdoc/>
    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null)
    {
        const string Prefix = nameof(student) + ".";
        student.SavePretrained(folder, weights?.Where(w => w.Key.StartsWith(Prefix, StringComparison.Ordinal)).ToDictionary(w => w.Key[Prefix.Length..], w => w.Value));
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        SafetensorsWriter.Write(Path.Combine(folder, MapsFile),
            projections.named_parameters().Select(p => (p.name, (weights?.GetValueOrDefault($"{nameof(projections)}.{p.name}") ?? p.parameter).to(ScalarType.Float32))));
    }

    /// <inheritdoc/>
    public void LoadPretrained(string folder)
    {
        student.LoadPretrained(folder);
        string path = Path.Combine(folder, MapsFile);
        using CheckpointTensors file = CheckpointTensors.Open(path);
        using IDisposable mode = no_grad();
        foreach (var (name, parameter) in projections.named_parameters())
        {
            if (!file.Contains(name)) throw new CheckpointException(path, $"{name} is missing.");
            if (!file.Info(name).Shape.SequenceEqual(parameter.shape))
                throw new CheckpointException(path, $"{name} has shape ({string.Join(", ", file.Info(name).Shape.ToArray())}), and the map's is ({string.Join(", ", parameter.shape)}).");
            file.ReadInto(name, parameter);
        }
    }

    /// <summary>The width of a model's hidden states: of those of one token, since every family calls it otherwise.</summary>
    private static long WidthOf(ITransformerModel model)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        var module = model as nn.Module;
        bool training = module?.training ?? false;
        module?.eval();
        Tensor one = zeros([1, 1], dtype: ScalarType.Int64, device: model.Device);
        ModelOutput output = model.Forward(new ModelInput { Ids = one, DecoderIds = model is ISequenceToSequenceModel ? one : null, WantHiddenStates = true });
        module?.train(training);
        return output.HiddenStates![^1].size(-1);
    }
}
