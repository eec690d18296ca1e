// N rows (the class token and the patches of all images), C embedding
using PreTrain.Modules;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Models.Vit;

/// <summary>The sizes of a stack of blocks.</summary>
internal sealed record VitBlockOptions(int LayerCount, int HeadCount, int Width, int InnerDim, VitConfig Config);

/// <summary>
/// One block: attention and feed-forward, each on the normalized residual stream. Adding a sub-layer's output and the norm that comes next are one
/// operation, so a block takes the stream together with its normalized form, and gives both on.
/// </summary>
internal sealed class VitBlock : nn.Module
{
    internal readonly Norm attention_norm, feed_forward_norm;
    internal readonly Projection query, key, value, attention_output, feed_forward_input, feed_forward_output;
    private readonly VitBlockOptions _options;
    private readonly double _dropPath;

    internal VitBlock(VitBlockOptions options, int layer) : base(nameof(VitBlock))
    {
        _options = options;
        _dropPath = Modules.DropPath.RateOf(layer, options.LayerCount, options.Config.DropPath);
        long c = options.Width;
        attention_norm = new Norm(c, options.Config.NormEpsilon);
        (query, key, value) = (Input(), Input(), Input());
        attention_output = new Projection(c, c);
        feed_forward_norm = new Norm(c, options.Config.NormEpsilon);
        feed_forward_input = new Projection(c, options.InnerDim);
        feed_forward_output = new Projection(options.InnerDim, c);
        RegisterComponents();

        Projection Input() => new(c, c, options.Config.HasAttentionBias);
    }

    /// <summary>(N, C) twice → (N, C) twice; the sum only if it is wanted.</summary>
    internal (Tensor? X, Tensor Normed) Forward(Tensor x, Tensor normed, Norm next, bool wantsSum, PackedSequences sequences, LayerTrace trace)
    {
        using DisposeScope scope = NewDisposeScope();
        var attention = new AttentionOptions
        {
            HeadCount = _options.HeadCount,
            Dropout = training ? _options.Config.AttentionDropout : 0,
            WantWeights = trace.WantsAttentions,
        };
        var (attended, weights, values) = Attention.Apply(query.forward(normed), key.forward(normed), value.forward(normed), sequences, sequences, AttentionMask.None, attention);
        trace.Attention(weights, values);
        (Tensor? sum, normed) = Join(feed_forward_norm, x, attended, attention_output, sequences, wantsSum: true);
        Tensor inner = Activations.Apply(_options.Config.Activation, feed_forward_input.Product(normed), feed_forward_input.bias);   // (N, inner)
        (sum, normed) = Join(next, sum!, inner, feed_forward_output, sequences, wantsSum);
        sum?.MoveToOuterDisposeScope();
        return (sum, normed.MoveToOuterDisposeScope());
    }

    private (Tensor? Sum, Tensor Normed) Join(Norm norm, Tensor x, Tensor input, Projection projection, PackedSequences sequences, bool wantsSum)
    {
        double dropout = training ? _options.Config.Dropout : 0;
        if (!training || _dropPath == 0) return wantsSum ? norm.Join(x, input, projection, dropout) : (null, norm.JoinNormed(x, input, projection, dropout));
        Tensor update = projection.forward(input);
        if (dropout > 0) update = CounterDropout.Apply(update, dropout);
        Tensor sum = x + Modules.DropPath.Apply(update, sequences, _dropPath);
        return (sum, norm.forward(sum));
    }
}

/// <summary>Blocks one after another, and the norm behind them.</summary>
internal sealed class VitStack : nn.Module
{
    internal readonly ModuleList<VitBlock> blocks;
    internal readonly Norm final_norm;

    internal VitStack(VitBlockOptions options) : base(nameof(VitStack))
    {
        blocks = new ModuleList<VitBlock>([.. Enumerable.Range(0, options.LayerCount).Select(layer => new VitBlock(options, layer))]);
        final_norm = new Norm(options.Width, options.Config.NormEpsilon);
        RegisterComponents();
    }

    /// <summary>(N, C) → (N, C), normalized.</summary>
    internal Tensor Forward(Tensor rows, PackedSequences sequences, LayerTrace trace, bool recompute)
    {
        Tensor? x = rows;
        trace.Hidden(x, sequences);
        Tensor normed = blocks[0].attention_norm.forward(x);
        for (int layer = 0; layer < blocks.Count; layer++)
        {
            VitBlock block = blocks[layer];
            bool last = layer + 1 == blocks.Count, wantsSum = !last || trace.HiddenStates is not null;
            Norm next = last ? final_norm : blocks[layer + 1].attention_norm;
            if (recompute && !trace.WantsAttentions)
            {
                List<Tensor> after = Recomputation.ApplyAll(inputs =>
                {
                    var (stream, result) = block.Forward(inputs[0], inputs[1], next, wantsSum, sequences, trace);
                    return stream is null ? [result] : [result, stream];
                }, x!, normed);
                (x, normed) = (wantsSum ? after[1] : null, after[0]);
            }
            else
            {
                (x, normed) = block.Forward(x!, normed, next, wantsSum, sequences, trace);
            }
            if (x is not null) trace.Hidden(x, sequences);   // the last one, too, before the final norm, as transformers does
        }
        return normed;
    }
}
