namespace PreTrain.FineTuning;

/// <summary>The ways of adapting a model that leave its weights alone.</summary>
public enum AdapterKind
{
    /// <summary>Low-rank updates of linear maps, <see cref="LoraAdapter"/>.</summary>
    Lora,

    /// <summary>Learned factors of activations, <see cref="Ia3Adapter"/>.</summary>
    Ia3,

    /// <summary>Small layers behind the sub-layers, <see cref="BottleneckAdapter"/>.</summary>
    Bottleneck,

    /// <summary>Keys and values before those of every sequence, <see cref="PrefixTuning"/>.</summary>
    Prefix,

    /// <summary>Embeddings of virtual tokens, <see cref="PromptTuning"/>.</summary>
    Prompt,

    /// <summary>The biases, <see cref="BitFit"/>.</summary>
    Bias,
}
