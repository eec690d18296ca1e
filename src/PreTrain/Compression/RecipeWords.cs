using PreTrain.Distillation;
using PreTrain.Modules.Quantized;
using PreTrain.Objectives;
using PreTrain.Pruning;
using PreTrain.Quantization;
using PreTrain.Torch;

namespace PreTrain.Compression;

/// <summary>The words of a recipe's choices, those of the tool's options.</summary>
internal static class RecipeWords
{
    internal const string Nearest = "rtn", Gptq = "gptq", Awq = "awq", SmoothQuant = "smoothquant";

    internal static readonly (string Word, PruningMethod Value)[] Methods = [("magnitude", PruningMethod.Magnitude), ("wanda", PruningMethod.Wanda), ("sparsegpt", PruningMethod.SparseGpt)];
    internal static readonly (string Word, PruningScope Value)[] Scopes = [("map", PruningScope.Map), ("output", PruningScope.Output), ("model", PruningScope.Model)];
    internal static readonly (string Word, UnitImportance Value)[] Importances = [("magnitude", UnitImportance.Magnitude), ("activation", UnitImportance.Activation), ("taylor", UnitImportance.Taylor)];
    internal static readonly (string Word, Precision Value)[] Precisions = [("fp32", Precision.Float32), ("bf16", Precision.BFloat16)];
    internal static readonly (string Word, DistillationDivergence Value)[] Divergences =
        [("forward-kl", DistillationDivergence.ForwardKl), ("reverse-kl", DistillationDivergence.ReverseKl), ("symmetric-kl", DistillationDivergence.SymmetricKl), ("jensen-shannon", DistillationDivergence.JensenShannon)];
    internal static readonly (string Word, QuantizationScheme Value)[] Schemes =
        [("int8", QuantizationScheme.Int8Dynamic), ("int8-static", QuantizationScheme.Int8Static), ("int8-weights", QuantizationScheme.Int8Weights), ("int4", QuantizationScheme.Int4Weights), ("nf4", QuantizationScheme.NormalFloat4)];
    internal static readonly (string Word, QuantizationGranularity Value)[] Granularities = [("tensor", QuantizationGranularity.Tensor), ("channel", QuantizationGranularity.Channel), ("group", QuantizationGranularity.Group)];
    internal static readonly (string Word, ActivationRange Value)[] Ranges = [("min-max", ActivationRange.MinMax), ("percentile", ActivationRange.Percentile), ("mse", ActivationRange.MeanSquare)];
    internal static readonly (string Word, WritingObjective Value)[] Objectives = [("span-corruption", WritingObjective.SpanCorruption), ("denoising", WritingObjective.Denoising), ("prefix-lm", WritingObjective.PrefixLanguageModel)];

    internal static string Of(PruningMethod value) => Word(Methods, value);

    internal static string Of(PruningScope value) => Word(Scopes, value);

    internal static string Of(UnitImportance value) => Word(Importances, value);

    internal static string Of(Precision value) => Word(Precisions, value);

    internal static string Of(DistillationDivergence value) => Word(Divergences, value);

    internal static string Of(QuantizationScheme value) => Word(Schemes, value);

    internal static string Of(QuantizationGranularity value) => Word(Granularities, value);

    internal static string Of(ActivationRange value) => Word(Ranges, value);

    internal static string Of(WritingObjective value) => Word(Objectives, value);

    private static string Word<T>((string Word, T Value)[] words, T value) where T : struct, Enum => words.FirstOrDefault(word => word.Value.Equals(value)).Word ?? value.ToString();
}
