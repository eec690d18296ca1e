using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.Models;
using PreTrain.Objectives;
using PreTrain.Tokenization;

namespace PreTrain.Compression;

/// <summary>What the models of a recipe are trained and measured by.</summary>
internal static class RecipeObjective
{
    /// <summary>The most tokens of a row where a recipe says nothing: a model that reads a hundred thousand would need more memory for one than there is.</summary>
    internal const int LongestRow = 2048;

    /// <summary>Makes it.</summary>
    internal static IObjective<ITransformerModel> Create(CompressionRecipe recipe, ITransformerModel model, TokenStore tokens, TextTokenizer tokenizer) => AutoObjective.Create(model, tokens, tokenizer, new()
    {
        ValidationFraction = recipe.ValidationFraction,
        ContextLength = recipe.ContextLength ?? (AutoObjective.NameFor(model) == "causal-lm" && ContextOf(model) > LongestRow ? LongestRow : null),
        Writing = recipe.Objective,
        Masking = recipe.MaskRate is { } rate ? new MaskingOptions { Rate = rate } : null,
    });

    /// <summary>Requires that a model can have it.</summary>
    /// <exception cref="ArgumentException">The model predicts no tokens, reads shorter rows, or has another objective.</exception>
    internal static void Require(CompressionRecipe recipe, ITransformerModel model)
    {
        string name = AutoObjective.NameFor(model);
        if (recipe.ContextLength is { } length && length > ContextOf(model)) throw new ArgumentException($"{nameof(recipe.ContextLength)} ({length}) must be at most the model's ({ContextOf(model)}).");
        if (recipe.Objective is { } objective && model is not ISequenceToSequenceModel)
            throw new ArgumentException($"{nameof(recipe.Objective)} ({RecipeWords.Of(objective)}) is for models that read a text and write another; a {model.ModelType} model learns {name}.");
    }

    private static int ContextOf(ITransformerModel model) => model switch { ITokenPredictor predictor => predictor.ContextLength, IMaskedLanguageModel masked => masked.ContextLength, _ => int.MaxValue };
}
