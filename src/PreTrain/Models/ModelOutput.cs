// B sequences, T tokens, C embedding, H heads
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

    /// <summary>The embeddings and each layer's output, (B, T, C); null unless asked for.</summary>
    public IReadOnlyList<Tensor>? HiddenStates { get; init; }

    /// <summary>Each layer's attention weights, (B, H, T, T); null unless asked for.</summary>
    public IReadOnlyList<Tensor>? Attentions { get; init; }

    /// <summary>Moves all tensors out of a scope that is about to end.</summary>
    internal static ModelOutput Leave(DisposeScope scope, ModelOutput output)
    {
        foreach (Tensor? t in new[] { output.Logits, output.SecondLogits, output.Pooled }.Concat(output.HiddenStates ?? []).Concat(output.Attentions ?? []))
        {
            if (t is not null) scope.MoveToOuter(t);
        }
        return output;
    }
}
