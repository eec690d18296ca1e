using PreTrain.Models;
using static TorchSharp.torch;

namespace PreTrain.Distillation;

/// <summary>What the layers of an encoder or a decoder have shown; null for what was not wanted.</summary>
internal readonly record struct StackStates(IReadOnlyList<Tensor>? Hidden, IReadOnlyList<Tensor>? Attentions, IReadOnlyList<Tensor>? Values)
{
    /// <summary>Those of a model's only layers, or of its decoder.</summary>
    internal static StackStates Of(ModelOutput output) => new(output.HiddenStates, output.Attentions, output.Values);

    /// <summary>Those of the encoder of a model that has a decoder too.</summary>
    internal static StackStates OfEncoder(ModelOutput output) => new(output.EncoderHiddenStates, output.EncoderAttentions, output.EncoderValues);
}
