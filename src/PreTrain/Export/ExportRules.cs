using PreTrain.Models;
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Export;

/// <summary>What every export asks of a model.</summary>
internal static class ExportRules
{
    /// <exception cref="ArgumentException">A value is not finite.</exception>
    internal static void RequireFinite(string name, Tensor values)
    {
        using DisposeScope scope = NewDisposeScope();
        if (!values.isfinite().all().item<bool>()) throw new ArgumentException($"The weight '{name}' has values that are not finite, and cannot be exported. Take an earlier checkpoint of the run.", nameof(values));
    }

    /// <exception cref="ArgumentException">A linear map has no weights of its own: it is quantized, or another transform stands for it; or the model has virtual tokens.</exception>
    internal static void RequireWholeWeights(ITransformerModel model)
    {
        if (model is IVirtualTokens known && (known.Prompt is not null || known.PrefixedBlocks.Any(block => block.Prefix is not null)))
            throw new ArgumentException("The model has virtual tokens, which an export does not hold; take the adapter away (Dispose) first.", nameof(model));
        foreach (var (name, module) in ((nn.Module)model).named_modules())
        {
            string? state = module switch
            {
                Projection { Transform: { } transform } => transform is Modules.Quantized.QuantizedProjection ? "is quantized" : $"is computed by a {transform.GetType().Name}",
                TiedHead { Quantized: not null } => "is quantized",
                _ => null,
            };
            if (state is not null) throw new ArgumentException($"The linear map '{name}' {state}, and an export takes whole weights and rounds them itself; export the model that it was made from.", nameof(model));
        }
    }
}
