// N rows (tokens), M rows of the source, B sequences, T tokens, C embedding, H heads, D width of a head
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Models.T5;

/// <summary>One block: attention, in the decoder attention to the source, and a feed-forward layer, each on the normalized residual stream.</summary>
internal sealed class T5Block : nn.Module
{
    internal readonly RmsNorm attention_norm, feed_forward_norm;
    internal readonly RmsNorm? cross_norm;
    internal readonly Projection query, key, value, attention_output, up, down;
    internal readonly Projection? cross_query, cross_key, cross_value, cross_output, gate;
    private readonly T5Config _config;
    private readonly AttentionMask _mask;

    internal T5Block(T5Config config, bool isDecoder) : base(nameof(T5Block))
    {
        _config = config;
        _mask = isDecoder ? AttentionMask.Causal : AttentionMask.None;
        long c = config.EmbeddingDim, inner = config.FeedForwardDim;
        attention_norm = new RmsNorm(c, config.NormEpsilon);
        (query, key, value, attention_output) = (ToHeads(), ToHeads(), ToHeads(), FromHeads());
        if (isDecoder)
        {
            cross_norm = new RmsNorm(c, config.NormEpsilon);
            (cross_query, cross_key, cross_value, cross_output) = (ToHeads(), ToHeads(), ToHeads(), FromHeads());
        }
        feed_forward_norm = new RmsNorm(c, config.NormEpsilon);
        if (config.IsGated) gate = new Projection(c, inner, hasBias: false);
        up = new Projection(c, inner, hasBias: false);
        down = new Projection(inner, c, hasBias: false);
        RegisterComponents();

        Projection ToHeads() => new(c, config.HeadCount * config.HeadDim, hasBias: false);
        Projection FromHeads() => new(config.HeadCount * config.HeadDim, c, hasBias: false);
    }

    /// <summary>(N, C) → (N, C); the scores' bias is (1, H, T, T). A block of the encoder has no source.</summary>
    internal Tensor Forward(Tensor x, Tensor bias, PackedSequences sequences, Tensor? source, PackedSequences? sources, LayerTrace trace)
    {
        using DisposeScope scope = NewDisposeScope();
        // No scale: the initial queries are smaller instead.
        var options = new AttentionOptions { HeadCount = _config.HeadCount, Scale = 1, Dropout = training ? _config.Dropout : 0, WantWeights = trace.WantsAttentions };
        Tensor normed = attention_norm.forward(x);
        var (attended, weights, own) = Attention.Apply(query.forward(normed), key.forward(normed), value.forward(normed), sequences, sequences, _mask, options with { Bias = bias });
        trace.Attention(weights, own);
        x += Drop(attention_output.forward(attended));
        if (source is not null)
        {
            var (keys, values) = Remember(source);
            (attended, weights, _) = Attention.Apply(cross_query!.forward(cross_norm!.forward(x)), keys, values, sequences, sources!, AttentionMask.None, options);
            trace.CrossAttention(weights);
            x += Drop(cross_output!.forward(attended));
        }
        return scope.MoveToOuter(FeedForward(x));
    }

    /// <summary>The same in the decoder, for the tokens that follow those in a cache; the scores' bias is (1, H, T, S).</summary>
    internal Tensor Forward(Tensor x, Tensor bias, long batch, KeyValueCache cache, SourceMemory source, int layer)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor normed = attention_norm.forward(x);
        var (keys, values) = cache.Append(layer, Spread(key.forward(normed)), Spread(value.forward(normed)));
        x += attention_output.forward(CachedAttention.Apply(Spread(query.forward(normed)), keys, values, _mask, scale: 1, bias));
        x += cross_output!.forward(CachedAttention.ToSource(Spread(cross_query!.forward(cross_norm!.forward(x))), source, layer, scale: 1));
        return scope.MoveToOuter(FeedForward(x));

        Tensor Spread(Tensor rows) => rows.view(batch, rows.size(0) / batch, -1, _config.HeadDim).transpose(1, 2);   // (B, H, T, D)
    }

    /// <summary>The keys and values of the attention to the source: (M, C) → (M, H·D) twice.</summary>
    internal (Tensor Keys, Tensor Values) Remember(Tensor source)
    {
        // Both gradients meet here first: summed in the same order whether the block is recomputed or not.
        Tensor shared = source.view(source.shape);
        return (cross_key!.forward(shared), cross_value!.forward(shared));
    }

    private Tensor FeedForward(Tensor x)
    {
        Tensor normed = feed_forward_norm.forward(x);
        Tensor inner = gate is null ? Activations.Apply(_config.Activation, up.forward(normed)) : GatedActivation.Apply(_config.Activation, gate.forward(normed), up.forward(normed));
        return x + Drop(down.forward(Drop(inner)));
    }

    private Tensor Drop(Tensor x) => training && _config.Dropout > 0 ? CounterDropout.Apply(x, _config.Dropout) : x;
}
