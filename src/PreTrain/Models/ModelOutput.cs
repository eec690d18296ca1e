// B sequences, T tokens, S tokens of a source, C embedding, H heads, P patches
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Models;

/// <summary>What a model gives.</summary>
public sealed record ModelOutput
{
    /// <summary>The head's scores; the last hidden states (B, T, C) of a model without head.</summary>
    public required Tensor Logits { get; init; }

    /// <summary>The scores of a second head: of <see cref="ModelHead.PreTraining"/> the (B, 2) of the next sentence.</summary>
    public Tensor? SecondLogits { get; init; }

    /// <summary>The pooled first token, (B, C), of models that have a pooler.</summary>
    public Tensor? Pooled { get; init; }

    /// <summary>The patches that were hidden, (B, P): 1 or 0 in 32 bits; null but for a masked autoencoder, whose logits are the pixels of all patches.</summary>
    public Tensor? Mask { get; init; }

    /// <summary>What a model that makes its own targets is trained on, a 32-bit scalar: of a masked autoencoder, the error on the hidden patches. Null of others.</summary>
    public Tensor? Loss { get; init; }

    /// <summary>The embeddings and each layer's output, (B, T, C); null unless asked for.</summary>
    public IReadOnlyList<Tensor>? HiddenStates { get; init; }

    /// <summary>Each layer's attention weights, (B, H, T, T); null unless asked for.</summary>
    public IReadOnlyList<Tensor>? Attentions { get; init; }

    /// <summary>The values that each layer's attention weighs, (B, H, T, D), those of shared heads once for each that reads them; null unless asked for.</summary>
    public IReadOnlyList<Tensor>? Values { get; init; }

    /// <summary>Each decoder layer's weights of the attention to the source, (B, H, T, S), of models with a source; null unless asked for. <see cref="HiddenStates"/>, <see cref="Attentions"/> and <see cref="Values"/> are the decoder's there.</summary>
    public IReadOnlyList<Tensor>? CrossAttentions { get; init; }

    /// <summary>The encoder's embeddings and each of its layers' output, (B, S, C), of models with a decoder too; null unless asked for.</summary>
    public IReadOnlyList<Tensor>? EncoderHiddenStates { get; init; }

    /// <summary>Each encoder layer's attention weights, (B, H, S, S), of models with a decoder too; null unless asked for.</summary>
    public IReadOnlyList<Tensor>? EncoderAttentions { get; init; }

    /// <summary>The values that each encoder layer's attention weighs, (B, H, S, D), of models with a decoder too; null unless asked for.</summary>
    public IReadOnlyList<Tensor>? EncoderValues { get; init; }

    /// <summary>Moves all tensors out of a scope that is about to end.</summary>
    internal static ModelOutput Leave(DisposeScope scope, ModelOutput output)
    {
        IEnumerable<IReadOnlyList<Tensor>?> lists = [output.HiddenStates, output.Attentions, output.CrossAttentions, output.EncoderHiddenStates, output.EncoderAttentions, output.Values, output.EncoderValues];
        foreach (Tensor? t in new[] { output.Logits, output.SecondLogits, output.Pooled, output.Mask, output.Loss }.Concat(lists.SelectMany(list => list ?? [])))
        {
            if (t is not null) scope.MoveToOuter(t);
        }
        return output;
    }
}
