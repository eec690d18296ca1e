using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>What the layers of a model are asked to show on their way: nothing, unless somebody wants it.</summary>
public sealed class LayerTrace(bool wantHiddenStates, bool wantAttentions)
{
    private readonly List<Tensor>? _hiddenStates = wantHiddenStates ? [] : null;
    private readonly List<Tensor>? _attentions = wantAttentions ? [] : null;
    private readonly List<Tensor>? _crossAttentions = wantAttentions ? [] : null;

    /// <summary>Whether attention weights are wanted.</summary>
    public bool WantsAttentions => _attentions is not null;

    /// <summary>What was shown, the embeddings first; null if it was not wanted.</summary>
    public IReadOnlyList<Tensor>? HiddenStates => _hiddenStates;

    /// <summary>What was shown, layer by layer; null if it was not wanted.</summary>
    public IReadOnlyList<Tensor>? Attentions => _attentions;

    /// <summary>What was shown of the attention to a source, layer by layer; null if it was not wanted.</summary>
    public IReadOnlyList<Tensor>? CrossAttentions => _crossAttentions;

    /// <summary>Shows the rows between two layers.</summary>
    /// <param name="rows">(N, C).</param>
    /// <param name="sequences">Where they lie in the batch.</param>
    public void Hidden(Tensor rows, PackedSequences sequences) => _hiddenStates?.Add(sequences.Unpack(rows));

    /// <summary>Shows a layer's attention weights, which move out of the current dispose scope.</summary>
    public void Attention(Tensor? weights)
    {
        if (weights is not null) _attentions?.Add(weights.MoveToOuterDisposeScope());
    }

    /// <summary>Shows a layer's weights of the attention to a source, which move out of the current dispose scope.</summary>
    public void CrossAttention(Tensor? weights)
    {
        if (weights is not null) _crossAttentions?.Add(weights.MoveToOuterDisposeScope());
    }
}
