using PreTrain.Distillation;
using PreTrain.Modules.Quantized;
using PreTrain.Pruning;
using PreTrain.Torch;

namespace PreTrain.Compression;

/// <summary>The words of a recipe's choices, those of the tool's options.</summary>
internal static class RecipeWords
{
    internal const string Nearest = "nearest", Gptq = "gptq";

    internal static readonly (string Word, PruningMethod Value)[] Methods = [("magnitude", PruningMethod.Magnitude), ("wanda", PruningMethod.Wanda), ("sparsegpt", PruningMethod.SparseGpt)];
    internal static readonly (string Word, PruningScope Value)[] Scopes = [("map", PruningScope.Map), ("output", PruningScope.Output), ("model", PruningScope.Model)];
    internal static readonly (string Word, UnitImportance Value)[] Importances = [("magnitude", UnitImportance.Magnitude), ("activation", UnitImportance.Activation), ("taylor", UnitImportance.Taylor)];
    internal static readonly (string Word, Precision Value)[] Precisions = [("fp32", Precision.Float32), ("bf16", Precision.BFloat16)];
    internal static readonly (string Word, DistillationDivergence Value)[] Divergences =
        [("forward-kl", DistillationDivergence.ForwardKl), ("reverse-kl", DistillationDivergence.ReverseKl), ("symmetric-kl", DistillationDivergence.SymmetricKl), ("jensen-shannon", DistillationDivergence.JensenShannon)];
    internal static readonly (string Word, QuantizationScheme Value)[] Schemes = [("int8", QuantizationScheme.Int8Dynamic), ("int8-weights", QuantizationScheme.Int8Weights), ("int4", QuantizationScheme.Int4Weights)];

    internal static string Of(PruningMethod value) => Word(Methods, value);

    internal static string Of(PruningScope value) => Word(Scopes, value);

    internal static string Of(UnitImportance value) => Word(Importances, value);

    internal static string Of(Precision value) => Word(Precisions, value);

    internal static string Of(DistillationDivergence value) => Word(Divergences, value);

    internal static string Of(QuantizationScheme value) => Word(Schemes, value);

    private static string Word<T>((string Word, T Value)[] words, T value) where T : struct, Enum => words.FirstOrDefault(word => word.Value.Equals(value)).Word ?? value.ToString();
}
