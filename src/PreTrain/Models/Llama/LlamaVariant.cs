namespace PreTrain.Models.Llama;

/// <summary>The families that a <see cref="LlamaModel"/> computes; they differ in details and in their names.</summary>
public enum LlamaVariant
{
    /// <summary>Llama 1 to 3 (Touvron et al. 2023; Grattafiori et al. 2024).</summary>
    Llama,

    /// <summary>Mistral (Jiang et al. 2023): attention over a sliding window.</summary>
    Mistral,

    /// <summary>Qwen2 (Yang et al. 2024): biases in the maps to queries, keys and values.</summary>
    Qwen2,

    /// <summary>Qwen3 (Yang et al. 2025): norms of queries and keys.</summary>
    Qwen3,
}
