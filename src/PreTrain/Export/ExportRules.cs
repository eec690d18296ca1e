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
        WholeWeights.RequireNoAdapter(model, "an export");
        foreach (var (name, module) in ((nn.Module)model).named_modules())
        {
            if (module is Projection { Transform: Modules.Quantized.QuantizedProjection } or TiedHead { Quantized: not null })
                throw new ArgumentException($"The linear map '{name}' is quantized, and an export takes whole weights and rounds them itself; export the model that it was made from.", nameof(model));
        }
    }
}
