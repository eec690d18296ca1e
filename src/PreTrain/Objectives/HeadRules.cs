using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Tokenization;

namespace PreTrain.Objectives;

/// <summary>What a model with a head must be for labelled examples.</summary>
internal static class HeadRules
{
    private const int UnlimitedLength = 512;

    /// <summary>Requires a model to have the head, the labels and the vocabulary.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="head">The head.</param>
    /// <param name="task">What is done with it, as in "a classification".</param>
    /// <param name="contextLength">The longest row that was asked for; null for the model's.</param>
    /// <param name="outputs">The scores that are needed; null for any.</param>
    /// <param name="labels">The names of the labels; null for none.</param>
    /// <returns>The longest row, and whether the model tells the texts of a pair apart.</returns>
    /// <exception cref="ArgumentException">The model does not fit.</exception>
    internal static (int Length, bool KnowsTypes) Require(ITransformerModel model, TextTokenizer tokenizer, ModelHead head, string task, int? contextLength, int? outputs = null, LabelSet? labels = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (model.Head != head) throw new ArgumentException($"The model's head is {model.Head}, and {task} needs {head}. Create the model with it.", nameof(model));
        var (vocabulary, context) = model switch
        {
            IMaskedLanguageModel encoder => (encoder.VocabSize, encoder.ContextLength),
            ITokenPredictor decoder => (decoder.VocabSize, decoder.ContextLength),
            _ => throw new ArgumentException($"A {model.ModelType} reads no text.", nameof(model)),
        };
        var config = new ConfigReader(model.ToConfigJson(), "config.json");
        if (outputs is { } needed && config.Labels() != needed)
            throw new ArgumentException($"The model has {config.Labels()} labels, and the texts need {needed}. Create the model with LabelCount = {needed}.", nameof(model));
        if (labels is not null && config.LabelNames() is { } names && !names.Equals(labels))
            throw new ArgumentException($"The model's labels ({string.Join(", ", names.Names)}) are not those of the texts ({string.Join(", ", labels.Names)}), in their order. Load the model with HeadOptions.Labels, or read the texts with its labels.", nameof(model));
        if (vocabulary < tokenizer.VocabSize)
            throw new ArgumentException($"The tokenizer's vocabulary ({tokenizer.VocabSize}) exceeds the model's ({vocabulary}). Use the model's tokenizer.", nameof(model));
        int length = DataRules.Length(contextLength, context, UnlimitedLength), special = tokenizer.Tokenize("", null, EncodingOptions.Whole).Ids.Length;
        if (length <= special) throw new ArgumentException($"ContextLength ({length}) leaves no room for a text beside the {special} special tokens of a row; it must be larger.", nameof(contextLength));
        return (length, config.Whole("type_vocab_size", 1) > 1);
    }
}
