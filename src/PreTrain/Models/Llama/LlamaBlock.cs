// N rows (tokens), B sequences, T tokens, C embedding, H query heads, G key-value heads, D width of a head
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Models.Llama;

/// <summary>One block: attention and a gated feed-forward layer, each on the normalized residual stream.</summary>
internal sealed class LlamaBlock : nn.Module, IPrefixedBlock
{
    internal readonly RmsNorm attention_norm, feed_forward_norm;
    internal readonly RmsNorm? query_norm, key_norm;
    internal readonly Projection query, key, value, attention_output, gate, up, down;
    private readonly LlamaConfig _config;

    internal LlamaBlock(LlamaConfig config) : base(nameof(LlamaBlock))
    {
        _config = config;
        long c = config.EmbeddingDim, d = config.HeadDim;
        attention_norm = new RmsNorm(c, config.NormEpsilon);
        query = new Projection(c, config.HeadCount * d, config.HasInputBias);
        key = new Projection(c, config.SharedHeadCount * d, config.HasInputBias);
        value = new Projection(c, config.SharedHeadCount * d, config.HasInputBias);
        attention_output = new Projection(config.HeadCount * d, c, config.HasOutputBias);
        if (config.HasHeadNorms) (query_norm, key_norm) = (new RmsNorm(d, config.NormEpsilon), new RmsNorm(d, config.NormEpsilon));
        feed_forward_norm = new RmsNorm(c, config.NormEpsilon);
        gate = new Projection(c, config.FeedForwardDim, hasBias: false);
        up = new Projection(c, config.FeedForwardDim, hasBias: false);
        down = new Projection(config.FeedForwardDim, c, hasBias: false);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public AttentionPrefix? Prefix
    {
        get;
        set
        {
            if (field is not null) register_module("prefix", null!);
            if (value is not null) register_module("prefix", value);
            field = value;
        }
    }

    /// <summary>(N, C) → (N, C).</summary>
    internal Tensor Forward(Tensor x, Tensor positions, RotaryTable rotary, PackedSequences sequences, AttentionMask mask, LayerTrace trace)
    {
        using DisposeScope scope = NewDisposeScope();
        var (q, k, v) = Project(attention_norm.forward(x), positions, rotary);
        var (attended, weights, values) = Attention.Apply(q, k, v, sequences, sequences, mask, new AttentionOptions
        {
            HeadCount = _config.HeadCount,
            KeyValueHeadCount = _config.SharedHeadCount,
            Dropout = training ? _config.AttentionDropout : 0,
            WantWeights = trace.WantsAttentions,
            Prefix = Prefix,
        });
        trace.Attention(weights, values);
        return scope.MoveToOuter(FeedForward(x, attended));
    }

    /// <summary>The same for the tokens that follow those in a cache.</summary>
    internal Tensor Forward(Tensor x, Tensor positions, RotaryTable rotary, long batch, AttentionMask mask, KeyValueCache cache, int layer, Tensor? hidden)
    {
        using DisposeScope scope = NewDisposeScope();
        var (q, k, v) = Project(attention_norm.forward(x), positions, rotary);
        var (keys, values) = cache.Append(layer, Spread(k), Spread(v));
        Tensor attended = CachedAttention.Apply(Spread(q), keys, values, mask, hidden: hidden);
        return scope.MoveToOuter(FeedForward(x, attended));

        Tensor Spread(Tensor rows) => rows.view(batch, rows.size(0) / batch, -1, _config.HeadDim).transpose(1, 2);   // (B, heads, T, D)
    }

    /// <summary>Queries (N, H·D), keys and values (N, G·D); queries and keys turned by their positions.</summary>
    private (Tensor Query, Tensor Key, Tensor Value) Project(Tensor normed, Tensor positions, RotaryTable rotary)
    {
        Tensor q = query.forward(normed), k = key.forward(normed);
        if (query_norm is not null && key_norm is not null) (q, k) = (ByHead(query_norm, q), ByHead(key_norm, k));
        return (rotary.Apply(q, positions, _config.ContextLength - 1), rotary.Apply(k, positions, _config.ContextLength - 1), value.forward(normed));

        Tensor ByHead(RmsNorm norm, Tensor rows) => norm.forward(rows.view(rows.size(0), -1, _config.HeadDim)).view(rows.shape);
    }

    private Tensor FeedForward(Tensor x, Tensor attended)
    {
        (x, Tensor normed) = feed_forward_norm.Join(x, attended, attention_output);
        return x + down.forward(GatedActivation.Apply(Activation.Silu, gate.forward(normed), up.forward(normed)));
    }
}
