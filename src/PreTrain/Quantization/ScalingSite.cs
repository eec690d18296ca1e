using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Models.ModernBert;
using PreTrain.Models.T5;
using PreTrain.Models.Vit;
using PreTrain.Modules;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Quantization;

/// <summary>Linear maps that read the same, which nothing else reads, so that each input can be divided by a number where it is made and its weights multiplied by it.</summary>
/// <param name="Readers">The maps.</param>
/// <param name="Makers">What makes their inputs, and the row from which on: a norm's gain and shift, or outputs of a linear map that reach the inputs without an activation function between.</param>
/// <param name="IsNorm">Whether a norm makes them.</param>
internal sealed record ScalingSite(IReadOnlyList<Projection> Readers, IReadOnlyList<(Parameter Value, long From)> Makers, bool IsNorm)
{
    /// <summary>
    /// All of a model, block by block, each norm before the maps behind it; but for those with a map that something stands beside or in place of, an adapter or codes, which would not be scaled, and those of values
    /// that stand beside a prefix.
    /// </summary>
    internal static IEnumerable<ScalingSite> Of(nn.Module model)
    {
        Projection[] taken = [.. model.modules().OfType<Projection>().Where(map => map.Transform is not null)];
        bool isPrefixed = model.modules().OfType<IPrefixedBlock>().Any(block => block.Prefix is not null);
        return All(model).Where(site => !site.Readers.Any(taken.Contains) && (site.IsNorm || !isPrefixed)
            && !site.Makers.Any(maker => taken.Any(map => ReferenceEquals(map.weight, maker.Value) || ReferenceEquals(map.bias, maker.Value))));
    }

    private static IEnumerable<ScalingSite> All(nn.Module model) => model.named_modules().SelectMany(m => m.module switch
    {
        GptBlock b =>
        [
            Behind(b.attention_norm, b.qkv),
            Behind(b.qkv, 2 * b.attention_output.weight.size(1), b.attention_output),
            Behind(b.feed_forward_norm, b.feed_forward_input),
        ],
        LlamaBlock b =>
        [
            Behind(b.attention_norm, b.query, b.key, b.value),
            .. Values(b.value, b.attention_output),
            Behind(b.feed_forward_norm, b.gate, b.up),
            Behind(b.up, 0, b.down),
        ],
        T5Block b =>
        [
            Behind(b.attention_norm, b.query, b.key, b.value),
            .. Values(b.value, b.attention_output),
            .. b.cross_query is null ? [] : new[] { Behind(b.cross_norm!, b.cross_query), Behind(b.cross_value!, 0, b.cross_output!) },
            .. b.gate is null ? new[] { Behind(b.feed_forward_norm, b.up) } : [Behind(b.feed_forward_norm, b.gate, b.up), Behind(b.up, 0, b.down)],
        ],
        ModernBertBlock b =>
        [
            .. b.attention_norm is null ? [] : new[] { Behind(b.attention_norm, b.qkv) },
            Behind(b.qkv, 2 * b.attention_output.weight.size(1), b.attention_output),
            Behind(b.feed_forward_norm, b.feed_forward_input),
            Behind(b.feed_forward_input, b.feed_forward_output.weight.size(1), b.feed_forward_output),
        ],
        VitBlock b =>
        [
            Behind(b.attention_norm, b.query, b.key, b.value),
            .. Values(b.value, b.attention_output),
            Behind(b.feed_forward_norm, b.feed_forward_input),
        ],
        PostNormBlock b => Values(b.value, b.attention_output),
        PostNormDecoderBlock b => [.. Values(b.value, b.attention_output), .. Values(b.cross_value, b.cross_output)],
        _ => Array.Empty<ScalingSite>(),
    });

    private static ScalingSite Behind(Norm norm, params Projection[] readers) => new(readers, norm.bias is null ? [(norm.weight, 0)] : [(norm.weight, 0), (norm.bias, 0)], true);

    private static ScalingSite Behind(RmsNorm norm, params Projection[] readers) => new(readers, [(norm.weight, 0)], true);

    private static ScalingSite Behind(Projection maker, long from, Projection reader) => new([reader], maker.bias is null ? [(maker.weight, from)] : [(maker.weight, from), (maker.bias, from)], false);

    /// <summary>Attention mixes the values of tokens, each element by itself; several heads that share one cannot be told apart.</summary>
    private static ScalingSite[] Values(Projection value, Projection output) => value.weight.size(0) == output.weight.size(1) ? [Behind(value, 0, output)] : [];
}
