using PreTrain.Modules.Quantized;
using PreTrain.Quantization;

namespace PreTrain.Compression;

/// <summary>Which details of a quantization have an effect: keys of recipes, and with dashes options of the tool, into which this file is compiled too.</summary>
/// <param name="Method">How the codes are chosen: rtn, gptq, awq or smoothquant.</param>
/// <param name="Scheme">What is in few bits.</param>
/// <param name="Granularity">Which weights share a scale, if that is given.</param>
/// <param name="Range">How far the grids of activations reach, if that is given.</param>
internal sealed record QuantizeRules(string Method, QuantizationScheme Scheme, QuantizationGranularity? Granularity, ActivationRange? Range)
{
    /// <summary>The details.</summary>
    internal static readonly IReadOnlyList<string> Keys =
        ["group-size", "symmetric", "half-scales", "wide-scales", "granularity", "calibration-method", "symmetric-activations", "percentile", "alpha", "damping", "by-size", "scale-steps", "clip-steps"];

    /// <summary>What a detail goes with; null if it has an effect.</summary>
    /// <param name="key">One of <see cref="Keys"/>.</param>
    /// <param name="dashes">What stands before the name of a key.</param>
    internal string? Missing(string key, string dashes = "")
    {
        bool isInt4 = Scheme == QuantizationScheme.Int4Weights, isNormal = Scheme == QuantizationScheme.NormalFloat4;
        (bool fits, string rule) = key switch
        {
            "group-size" => (isInt4 || Granularity == QuantizationGranularity.Group, $"{dashes}scheme int4 or {dashes}granularity group"),
            "symmetric" => (isInt4, $"{dashes}scheme int4"),
            "half-scales" => (!isNormal, $"every {dashes}scheme but nf4, whose scales have 8 bits or 32"),
            "wide-scales" => (isNormal, $"{dashes}scheme nf4"),
            "granularity" => (!isInt4 && !isNormal, "the schemes of 8 bits; those of 4 have groups"),
            "calibration-method" or "symmetric-activations" => (Scheme == QuantizationScheme.Int8Static, $"{dashes}scheme int8-static"),
            "percentile" => (Range == ActivationRange.Percentile, $"{dashes}calibration-method percentile"),
            "alpha" => OfMethod("smoothquant"),
            "damping" or "by-size" => OfMethod("gptq"),
            "scale-steps" or "clip-steps" => OfMethod("awq"),
            _ => throw new ArgumentOutOfRangeException(nameof(key), key, $"'{key}' is no detail."),
        };
        return fits ? null : rule;

        (bool, string) OfMethod(string method) => (method == Method, $"{dashes}method {method}");
    }
}
