using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using static TorchSharp.torch;

namespace PreTrain.Models;

/// <summary>What takes a model's weights alone would leave out adapters and virtual tokens without a word.</summary>
internal static class WholeWeights
{
    /// <summary>Requires a model without an adapter that is at work.</summary>
    /// <param name="model">The model.</param>
    /// <param name="taker">What takes the weights, such as "an export".</param>
    /// <exception cref="ArgumentException">It has virtual tokens, or something stands beside its weights.</exception>
    internal static void RequireNoAdapter(ITransformerModel model, string taker)
    {
        if (model is IVirtualTokens known && (known.Prompt is not null || known.PrefixedBlocks.Any(block => block.Prefix is not null)))
            throw new ArgumentException($"The model has virtual tokens, which {taker} does not hold; take the adapter away (Dispose) first.", nameof(model));
        foreach (var (name, module) in ((nn.Module)model).named_modules())
        {
            if (module is Projection { Transform: { IsIdle: false } transform } && transform is not QuantizedProjection)
                throw new ArgumentException($"The linear map '{name}' is computed by a {transform.GetType().Name}, and {taker} takes whole weights; merge the adapter or take it away (Dispose) first.", nameof(model));
        }
    }
}
