using PreTrain.Modules;

namespace PreTrain.Models.Llama;

/// <summary>The table between a <see cref="LlamaModel"/> and llama.cpp's <c>llama</c>, <c>qwen2</c> and <c>qwen3</c>.</summary>
internal static class LlamaGguf
{
    /// <exception cref="ArgumentException">It has biases that llama.cpp has no place for.</exception>
    internal static GgufContent Of(LlamaConfig config)
    {
        if (config.Variant == LlamaVariant.Qwen3 && config.HasAttentionBias)
            throw new ArgumentException($"{nameof(LlamaConfig.HasAttentionBias)} (true) must be false for a {config.Variant} in a GGUF file: llama.cpp knows none with biases.");
        var facts = new List<(string, object)>
        {
            ("vocab_size", (uint)config.VocabSize),
            // llama.cpp has no sliding window in these families; within one there is no difference.
            ("context_length", (uint)(config.SlidingWindow > 0 ? Math.Min(config.SlidingWindow, config.ContextLength) : config.ContextLength)),
            ("embedding_length", (uint)config.EmbeddingDim),
            ("block_count", (uint)config.LayerCount),
            ("feed_forward_length", (uint)config.FeedForwardDim),
            ("attention.head_count", (uint)config.HeadCount),
            ("attention.head_count_kv", (uint)config.SharedHeadCount),
            ("attention.key_length", (uint)config.HeadDim),
            ("attention.value_length", (uint)config.HeadDim),
            ("attention.layer_norm_rms_epsilon", (float)config.NormEpsilon),
            ("rope.dimension_count", (uint)config.HeadDim),
            ("rope.freq_base", (float)config.RotaryBase),
        };
        if (config.RotaryScaling is { Kind: RotaryScalingKind.Linear } linear) facts.AddRange([("rope.scaling.type", "linear"), ("rope.scaling.factor", (float)linear.Factor)]);
        return new GgufContent(config.Variant switch { LlamaVariant.Qwen2 => "qwen2", LlamaVariant.Qwen3 => "qwen3", _ => "llama" }, config.LayerCount, facts, [.. Weights(config)]);
    }

    private static IEnumerable<GgufWeight> Weights(LlamaConfig config)
    {
        bool pairs = config.Variant is LlamaVariant.Llama or LlamaVariant.Mistral;
        yield return new("token_embd.weight", "token_embedding");
        if (config.RotaryScaling is { Kind: RotaryScalingKind.Llama3 } scaling) yield return new("rope_freqs.weight", null) { Numbers = RotaryTable.Divisors(config.HeadDim, config.RotaryBase, scaling) };
        for (int layer = 0; layer < config.LayerCount; layer++)
        {
            string theirs = $"blk.{layer}.", ours = $"blocks.{layer}.";
            yield return new(theirs + "attn_norm.weight", ours + "attention_norm.weight");
            foreach ((string other, string mine, int heads, bool bias) in new[]
            {
                ("attn_q", "query", pairs ? config.HeadCount : 0, config.HasInputBias), ("attn_k", "key", pairs ? config.SharedHeadCount : 0, config.HasInputBias),
                ("attn_v", "value", 0, config.HasInputBias), ("attn_output", "attention_output", 0, config.HasOutputBias), ("ffn_gate", "gate", 0, false), ("ffn_up", "up", 0, false),
                ("ffn_down", "down", 0, false),
            })
            {
                yield return new($"{theirs}{other}.weight", $"{ours}{mine}.weight") { PairedHeads = heads };
                if (bias) yield return new($"{theirs}{other}.bias", $"{ours}{mine}.bias") { PairedHeads = heads };
            }
            if (config.HasHeadNorms)
            {
                yield return new(theirs + "attn_q_norm.weight", ours + "query_norm.weight");
                yield return new(theirs + "attn_k_norm.weight", ours + "key_norm.weight");
            }
            yield return new(theirs + "ffn_norm.weight", ours + "feed_forward_norm.weight");
        }
        yield return new("output_norm.weight", "final_norm.weight");
        if (!config.IsHeadTied) yield return new("output.weight", "head.weight");
    }
}
