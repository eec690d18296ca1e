using System.Text.Json.Nodes;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Models;

/// <summary>A model that saves itself as a Hugging Face folder.</summary>
public interface IPretrainedModel
{
    /// <summary>The architecture as it stands in <c>config.json</c>; two models with equal ones can exchange weights.</summary>
    JsonObject ToConfigJson();

    /// <summary>The parameters that it saves; null of a whole model, which saves all.</summary>
    IReadOnlyCollection<Parameter>? SavedParameters => null;

    /// <summary>The module by whose names <see cref="SavePretrained"/> is given weights: this, or the model of an adapter. It may be a part of what is trained.</summary>
    nn.Module? NamedModule => this as nn.Module;

    /// <summary>Writes <c>config.json</c> and <c>model.safetensors</c>.</summary>
    /// <param name="folder">Created where it is missing; the two files are replaced.</param>
    /// <param name="weights">Values to save instead of the model's own, by parameter name: the 32-bit master weights of a run in lower precision.</param>
    void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null);

    /// <summary>Reads the values of a folder that <see cref="SavePretrained"/> wrote into this model, whose architecture must be the folder's.</summary>
    /// <param name="folder">Holds <c>model.safetensors</c>.</param>
    /// <exception cref="Checkpoints.CheckpointException">The file is missing or damaged, or its tensors do not fit.</exception>
    void LoadPretrained(string folder);
}
