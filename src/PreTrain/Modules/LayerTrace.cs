using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>What the layers of a model are asked to show on their way: nothing, unless somebody wants it.</summary>
public sealed class LayerTrace(bool wantHiddenStates, bool wantAttentions, bool wantValues = false)
{
    private readonly List<Tensor>? _hiddenStates = wantHiddenStates ? [] : null;
    private readonly List<Tensor>? _attentions = wantAttentions ? [] : null;
    private readonly List<Tensor>? _crossAttentions = wantAttentions ? [] : null;
    private readonly List<Tensor>? _values = wantValues ? [] : null;

    /// <summary>Whether attention has to show its weights or values.</summary>
    public bool WantsAttentions => wantAttentions || wantValues;

    /// <summary>Whether what the last layer gives is shown as it is added up, and not behind the norm that follows.</summary>
    internal bool WantsStream { get; init; }

    /// <summary>What was shown, the embeddings first; null if it was not wanted.</summary>
    public IReadOnlyList<Tensor>? HiddenStates => _hiddenStates;

    /// <summary>What was shown, layer by layer; null if it was not wanted.</summary>
    public IReadOnlyList<Tensor>? Attentions => _attentions;

    /// <summary>What was shown of the attention to a source, layer by layer; null if it was not wanted.</summary>
    public IReadOnlyList<Tensor>? CrossAttentions => _crossAttentions;

    /// <summary>What was shown of the values that attention weighs, layer by layer; null if it was not wanted.</summary>
    public IReadOnlyList<Tensor>? Values => _values;

    /// <summary>Shows the rows between two layers.</summary>
    /// <param name="rows">(N, C).</param>
    /// <param name="sequences">Where they lie in the batch.</param>
    public void Hidden(Tensor rows, PackedSequences sequences) => _hiddenStates?.Add(sequences.Unpack(rows));

    /// <summary>Shows a layer's attention weights and values, which move out of the current dispose scope.</summary>
    public void Attention(Tensor? weights, Tensor? values)
    {
        if (weights is not null) _attentions?.Add(weights.MoveToOuterDisposeScope());
        if (values is not null) _values?.Add(values.MoveToOuterDisposeScope());
    }

    /// <summary>Shows a layer's weights of the attention to a source, which move out of the current dispose scope.</summary>
    public void CrossAttention(Tensor? weights)
    {
        if (weights is not null) _crossAttentions?.Add(weights.MoveToOuterDisposeScope());
    }
}
