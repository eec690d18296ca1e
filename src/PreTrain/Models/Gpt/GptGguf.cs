namespace PreTrain.Models.Gpt;

/// <summary>The table between a <see cref="GptModel"/> and llama.cpp's <c>gpt2</c>.</summary>
internal static class GptGguf
{
    /// <exception cref="ArgumentException">The heads do not fill the width, which llama.cpp takes for granted.</exception>
    internal static GgufContent Of(GptConfig config)
    {
        if (config.HeadDim * config.HeadCount != config.EmbeddingDim)
            throw new ArgumentException($"{nameof(GptConfig.HeadWidth)} ({config.HeadDim}) must be {nameof(GptConfig.EmbeddingDim)} / {nameof(GptConfig.HeadCount)} ({config.EmbeddingDim} / {config.HeadCount}) in a GGUF file: llama.cpp knows no GPT-2 with fewer heads than fill its width.");
        return new GgufContent("gpt2", config.LayerCount,
        [
            ("vocab_size", (uint)config.VocabSize), ("context_length", (uint)config.ContextLength), ("embedding_length", (uint)config.EmbeddingDim), ("block_count", (uint)config.LayerCount),
            ("feed_forward_length", (uint)config.InnerDim), ("attention.head_count", (uint)config.HeadCount), ("attention.layer_norm_epsilon", (float)config.NormEpsilon),
        ], [.. Weights(config)]);
    }

    private static IEnumerable<GgufWeight> Weights(GptConfig config)
    {
        yield return new("token_embd.weight", "token_embedding");
        yield return new("position_embd.weight", "position_embedding");
        for (int layer = 0; layer < config.LayerCount; layer++)
        {
            foreach ((string theirs, string ours) in new[]
            {
                ("attn_norm", "attention_norm"), ("attn_qkv", "qkv"), ("attn_output", "attention_output"), ("ffn_norm", "feed_forward_norm"), ("ffn_up", "feed_forward_input"),
                ("ffn_down", "feed_forward_output"),
            })
            {
                yield return new($"blk.{layer}.{theirs}.weight", $"blocks.{layer}.{ours}.weight");
                yield return new($"blk.{layer}.{theirs}.bias", $"blocks.{layer}.{ours}.bias");
            }
        }
        yield return new("output_norm.weight", "final_norm.weight");
        yield return new("output_norm.bias", "final_norm.bias");
    }
}
