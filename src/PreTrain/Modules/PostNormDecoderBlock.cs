// B sequences, T tokens of a decoder, N rows (tokens) of the decoder, M rows of the source, C embedding, H heads, D width of a head
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// A block of a decoder that reads a source, with the norms behind its sub-layers (Vaswani et al. 2017, section 3.1): x = Norm(x + Attention(x)),
/// x = Norm(x + Attention(x, source)), x = Norm(x + FeedForward(x)). A token sees those before it, and the whole source.
/// </summary>
public sealed class PostNormDecoderBlock : nn.Module
{
    /// <summary>(C, C), with bias.</summary>
    public readonly Projection query, key, value, attention_output;

    /// <summary>Behind attention.</summary>
    public readonly Norm attention_norm;

    /// <summary>Of the attention to the source: (C, C), with bias.</summary>
    public readonly Projection cross_query, cross_key, cross_value, cross_output;

    /// <summary>Behind the attention to the source.</summary>
    public readonly Norm cross_norm;

    /// <summary>(inner, C) and (C, inner), with bias.</summary>
    public readonly Projection feed_forward_input, feed_forward_output;

    /// <summary>Behind the feed-forward layer.</summary>
    public readonly Norm feed_forward_norm;

    private readonly PostNormBlockOptions _options;

    /// <summary>Creates the block with undefined weights.</summary>
    public PostNormDecoderBlock(PostNormBlockOptions options) : base(nameof(PostNormDecoderBlock))
    {
        _options = options;
        (query, key, value, attention_output) = (Square(), Square(), Square(), Square());
        attention_norm = new Norm(options.Width, options.NormEpsilon);
        (cross_query, cross_key, cross_value, cross_output) = (Square(), Square(), Square(), Square());
        cross_norm = new Norm(options.Width, options.NormEpsilon);
        feed_forward_input = new Projection(options.Width, options.FeedForwardDim);
        feed_forward_output = new Projection(options.FeedForwardDim, options.Width);
        feed_forward_norm = new Norm(options.Width, options.NormEpsilon);
        RegisterComponents();

        Projection Square() => new(options.Width, options.Width);
    }

    private double Dropout => training ? _options.Dropout : 0;

    /// <summary>Computes.</summary>
    /// <param name="x">(N, C).</param>
    /// <param name="sequences">The sequences of the rows.</param>
    /// <param name="source">What the encoder gives, (M, C).</param>
    /// <param name="sources">Its sequences, as many.</param>
    /// <param name="trace">Who wants to see attention weights.</param>
    /// <returns>(N, C).</returns>
    public Tensor Forward(Tensor x, PackedSequences sequences, Tensor source, PackedSequences sources, LayerTrace trace)
    {
        using DisposeScope scope = NewDisposeScope();
        var options = new AttentionOptions { HeadCount = _options.HeadCount, Dropout = training ? _options.AttentionDropout : 0, WantWeights = trace.WantsAttentions };
        var (attended, weights, own) = Attention.Apply(query.forward(x), key.forward(x), value.forward(x), sequences, sequences, AttentionMask.Causal, options);
        trace.Attention(weights, own);
        x = attention_norm.JoinNormed(x, attended, attention_output, Dropout);
        var (keys, values) = Remember(source);
        (attended, weights, _) = Attention.Apply(cross_query.forward(x), keys, values, sequences, sources, AttentionMask.None, options);
        trace.CrossAttention(weights);
        return scope.MoveToOuter(FeedForward(cross_norm.JoinNormed(x, attended, cross_output, Dropout)));
    }

    /// <summary>The same for tokens that follow those in a cache that holds the source.</summary>
    /// <param name="x">(B·T, C).</param>
    /// <param name="batch">B.</param>
    /// <param name="cache">Takes up the tokens.</param>
    /// <param name="layer">The block's number.</param>
    /// <returns>(B·T, C).</returns>
    public Tensor Forward(Tensor x, long batch, KeyValueCache cache, int layer)
    {
        using DisposeScope scope = NewDisposeScope();
        var (keys, values) = cache.Append(layer, Spread(key.forward(x)), Spread(value.forward(x)));
        Tensor attended = CachedAttention.Apply(Spread(query.forward(x)), keys, values, AttentionMask.Causal);
        x = attention_norm.JoinNormed(x, attended, attention_output, Dropout);
        attended = CachedAttention.ToSource(Spread(cross_query.forward(x)), cache.Source!, layer);
        return scope.MoveToOuter(FeedForward(cross_norm.JoinNormed(x, attended, cross_output, Dropout)));

        Tensor Spread(Tensor rows) => rows.view(batch, rows.size(0) / batch, _options.HeadCount, -1).transpose(1, 2);   // (B, H, T, D)
    }

    /// <summary>The keys and values of the attention to the source.</summary>
    /// <param name="source">(M, C).</param>
    /// <returns>(M, C) each.</returns>
    public (Tensor Keys, Tensor Values) Remember(Tensor source)
    {
        // Both gradients meet here first: summed in the same order whether the block is recomputed or not.
        Tensor shared = source.view(source.shape);
        return (cross_key.forward(shared), cross_value.forward(shared));
    }

    private Tensor FeedForward(Tensor x)
    {
        Tensor inner = Activations.Apply(_options.Activation, feed_forward_input.Product(x), feed_forward_input.bias);   // (N, inner)
        if (training && _options.ActivationDropout > 0) inner = CounterDropout.Apply(inner, _options.ActivationDropout);
        return feed_forward_norm.JoinNormed(x, inner, feed_forward_output, Dropout);
    }
}
