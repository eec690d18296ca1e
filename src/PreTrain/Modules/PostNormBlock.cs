// N rows (tokens), B sequences, C embedding, H heads, D width of a head
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// A block of an encoder with the norms behind its sub-layers (Vaswani et al. 2017, section 3.1), as in BERT and what came of it:
/// x = Norm(x + Attention(x)), x = Norm(x + FeedForward(x)).
/// </summary>
public sealed class PostNormBlock : nn.Module, IPrefixedBlock
{
    /// <summary>(H·D, C), and the last one (C, H·D), with bias.</summary>
    public readonly Projection query, key, value, attention_output;

    /// <summary>Behind attention.</summary>
    public readonly Norm attention_norm;

    /// <summary>(inner, C) and (C, inner), with bias.</summary>
    public readonly Projection feed_forward_input, feed_forward_output;

    /// <summary>Behind the feed-forward layer.</summary>
    public readonly Norm feed_forward_norm;

    private readonly PostNormBlockOptions _options;
    private AttentionPrefix? _prefix;

    /// <summary>Creates the block with undefined weights.</summary>
    public PostNormBlock(PostNormBlockOptions options) : base(nameof(PostNormBlock))
    {
        _options = options;
        (query, key, value, attention_output) = (ToHeads(), ToHeads(), ToHeads(), new Projection(options.HeadsWidth, options.Width));
        attention_norm = new Norm(options.Width, options.NormEpsilon);
        feed_forward_input = new Projection(options.Width, options.FeedForwardDim);
        feed_forward_output = new Projection(options.FeedForwardDim, options.Width);
        feed_forward_norm = new Norm(options.Width, options.NormEpsilon);
        RegisterComponents();

        Projection ToHeads() => new(options.Width, options.HeadsWidth);
    }

    AttentionPrefix? IPrefixedBlock.Prefix
    {
        get => _prefix;
        set
        {
            if (_prefix is not null) register_module("prefix", null!);
            if (value is not null) register_module("prefix", value);
            _prefix = value;
        }
    }

    /// <summary>Computes.</summary>
    /// <param name="x">(N, C).</param>
    /// <param name="sequences">The sequences of the rows.</param>
    /// <param name="mask">What a token sees of its sequence.</param>
    /// <param name="trace">Who wants to see attention weights.</param>
    /// <returns>(N, C).</returns>
    public Tensor Forward(Tensor x, PackedSequences sequences, AttentionMask mask, LayerTrace trace)
    {
        using DisposeScope scope = NewDisposeScope();
        double dropout = training ? _options.Dropout : 0;
        var attention = new AttentionOptions
        {
            HeadCount = _options.HeadCount,
            Dropout = training ? _options.AttentionDropout : 0,
            WantWeights = trace.WantsAttentions,
            Prefix = _prefix,
        };
        var (attended, weights, values) = Attention.Apply(query.forward(x), key.forward(x), value.forward(x), sequences, sequences, mask, attention);
        trace.Attention(weights, values);
        return scope.MoveToOuter(Finish(x, attended, dropout));
    }

    /// <summary>The same for tokens that follow those in a cache.</summary>
    /// <param name="x">(N, C): of each sequence as many new tokens.</param>
    /// <param name="batch">B.</param>
    /// <param name="mask">What a new token sees.</param>
    /// <param name="cache">Takes up the keys and values.</param>
    /// <param name="layer">The block's number.</param>
    /// <param name="hidden">Where an empty place of the cache would be seen, (B, 1, T, S); null where none is empty.</param>
    /// <returns>(N, C).</returns>
    internal Tensor Forward(Tensor x, long batch, AttentionMask mask, KeyValueCache cache, int layer, Tensor? hidden)
    {
        using DisposeScope scope = NewDisposeScope();
        var (keys, values) = cache.Append(layer, Spread(key.forward(x)), Spread(value.forward(x)));
        Tensor attended = CachedAttention.Apply(Spread(query.forward(x)), keys, values, mask, hidden: hidden);
        return scope.MoveToOuter(Finish(x, attended, training ? _options.Dropout : 0));

        Tensor Spread(Tensor rows) => rows.view(batch, rows.size(0) / batch, _options.HeadCount, -1).transpose(1, 2);   // (B, H, T, D)
    }

    private Tensor Finish(Tensor x, Tensor attended, double dropout)
    {
        Tensor middle = attention_norm.JoinNormed(x, attended, attention_output, _options.DropsAttentionOutput ? dropout : 0);
        Tensor inner = Activations.Apply(_options.Activation, feed_forward_input.Product(middle), feed_forward_input.bias);   // (N, inner)
        if (training && _options.ActivationDropout > 0) inner = CounterDropout.Apply(inner, _options.ActivationDropout);
        return feed_forward_norm.JoinNormed(middle, inner, feed_forward_output, dropout);
    }
}
