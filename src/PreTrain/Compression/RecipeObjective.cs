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
        RowLength(recipe, model);
        if (recipe.Objective is { } objective && model is not ISequenceToSequenceModel)
            throw new ArgumentException($"{nameof(recipe.Objective)} ({RecipeWords.Of(objective)}) is for models that read a text and write another; a {model.ModelType} model learns {name}.");
        if (recipe.MaskRate is { } rate && name == "causal-lm")
            throw new ArgumentException(FormattableString.Invariant($"{nameof(recipe.MaskRate)} ({rate}) is not for a {model.ModelType} model, which predicts next tokens and is hidden none."));
    }

    /// <summary>Requires what the objective needs of the tokenizer, before a text is tokenized.</summary>
    /// <exception cref="ArgumentException">A token is missing, rows have no room for text, or nothing would be hidden.</exception>
    internal static void Require(CompressionRecipe recipe, ITransformerModel model, TextTokenizer tokenizer)
    {
        string name = AutoObjective.NameFor(model);
        if (name == "causal-lm") return;
        if (name == "masked-lm") TokenMasker.MaskOf(tokenizer);
        else TextFrame.RequireEnd(tokenizer);
        TextFrame.Of(tokenizer).TextLength(RowLength(recipe, model));
        if (recipe.MaskRate is { } rate && name != "masked-lm" && (recipe.Objective ?? AutoObjective.WritingFor(tokenizer)) == WritingObjective.PrefixLanguageModel)
            throw new ArgumentException(FormattableString.Invariant($"{nameof(recipe.MaskRate)} ({rate}) is not for this {model.ModelType} model: it learns the second half of a text from the first, and is hidden nothing."));
    }

    private static int RowLength(CompressionRecipe recipe, ITransformerModel model) => DataRules.Length(recipe.ContextLength, ContextOf(model), int.MaxValue);

    private static int ContextOf(ITransformerModel model) => model switch { ITokenPredictor predictor => predictor.ContextLength, IMaskedLanguageModel masked => masked.ContextLength, _ => int.MaxValue };
}
