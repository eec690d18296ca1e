using PreTrain.Modules;

namespace PreTrain.Models;

/// <summary>The rows of the blocks that BART and Marian share, under the names that their checkpoints share.</summary>
internal static class PostNormWeights
{
    /// <summary>The blocks of an encoder, each a <see cref="PostNormBlock"/>.</summary>
    internal static IEnumerable<WeightRow> Encoder(PostNormBlockOptions options, int layers) =>
        Enumerable.Range(0, layers).SelectMany(layer => Block(options, $"encoder_blocks.{layer}.", $"encoder.layers.{layer}.", isDecoder: false));

    /// <summary>The blocks of a decoder, each a <see cref="PostNormDecoderBlock"/>.</summary>
    internal static IEnumerable<WeightRow> Decoder(PostNormBlockOptions options, int layers) =>
        Enumerable.Range(0, layers).SelectMany(layer => Block(options, $"decoder_blocks.{layer}.", $"decoder.layers.{layer}.", isDecoder: true));

    /// <summary>A norm.</summary>
    internal static IEnumerable<WeightRow> Norm(string ours, string theirs, long width) => [new(ours + ".weight", theirs + ".weight", width), new(ours + ".bias", theirs + ".bias", width)];

    private static IEnumerable<WeightRow> Block(PostNormBlockOptions options, string ours, string theirs, bool isDecoder)
    {
        long c = options.Width, inner = options.FeedForwardDim;
        IEnumerable<WeightRow> cross = isDecoder ? Attention(ours + "cross_", ours + "cross_output", theirs + "encoder_attn", c).Concat(Norm(ours + "cross_norm", theirs + "encoder_attn_layer_norm", c)) : [];
        return
        [
            .. Attention(ours, ours + "attention_output", theirs + "self_attn", c), .. Norm(ours + "attention_norm", theirs + "self_attn_layer_norm", c), .. cross,
            .. EncoderWeights.Map(ours + "feed_forward_input", theirs + "fc1", inner, c), .. EncoderWeights.Map(ours + "feed_forward_output", theirs + "fc2", c, inner),
            .. Norm(ours + "feed_forward_norm", theirs + "final_layer_norm", c),
        ];
    }

    private static IEnumerable<WeightRow> Attention(string ours, string output, string theirs, long width) =>
    [
        .. EncoderWeights.Map(ours + "query", theirs + ".q_proj", width, width), .. EncoderWeights.Map(ours + "key", theirs + ".k_proj", width, width),
        .. EncoderWeights.Map(ours + "value", theirs + ".v_proj", width, width), .. EncoderWeights.Map(output, theirs + ".out_proj", width, width),
    ];
}
