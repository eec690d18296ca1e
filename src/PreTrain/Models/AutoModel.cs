using PreTrain.Checkpoints;
using PreTrain.Models.Bart;
using PreTrain.Models.Bert;
using PreTrain.Models.DistilBert;
using PreTrain.Models.Electra;
using PreTrain.Models.Ernie;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Models.ModernBert;
using PreTrain.Models.Roberta;
using PreTrain.Models.T5;
using PreTrain.Models.Transformer;
using PreTrain.Models.UniLm;
using PreTrain.Models.Vit;
using static TorchSharp.torch;

namespace PreTrain.Models;

/// <summary>Loads a model of whatever family a folder holds.</summary>
public static class AutoModel
{
    private delegate ITransformerModel Loader(string folder, ModelHead? head, Generator? generator, HeadOptions? options);

    // A new family is a line here.
    private static readonly (string ModelType, Loader Load)[] s_families =
    [
        ("bert", Bert),
        ("distilbert", DistilBertModel.FromPretrained),
        ("roberta", RobertaModel.FromPretrained),
        ("xlm-roberta", RobertaModel.FromPretrained),
        ("ernie", ErnieModel.FromPretrained),
        ("electra", ElectraModel.FromPretrained),
        ("modernbert", ModernBertModel.FromPretrained),
        ("gpt2", GptModel.FromPretrained),
        ("llama", LlamaModel.FromPretrained),
        ("mistral", LlamaModel.FromPretrained),
        ("qwen2", LlamaModel.FromPretrained),
        ("qwen3", LlamaModel.FromPretrained),
        ("t5", (folder, head, _, options) => T5Model.FromPretrained(folder, head, options)),
        ("bart", BartModel.FromPretrained),
        ("marian", (folder, head, _, options) => TransformerModel.FromPretrained(folder, head, options)),
        ("vit", VitModel.FromPretrained),
        ("vit_mae", VitModel.FromPretrained),
    ];

    /// <summary>The families that are known, as <c>config.json</c> calls them in <c>model_type</c>.</summary>
    public static IReadOnlyList<string> ModelTypes { get; } = [.. s_families.Select(family => family.ModelType)];

    /// <summary>Loads a folder as <see cref="IPretrainedModel.SavePretrained"/> and Hugging Face transformers write it.</summary>
    /// <param name="folder">Holds <c>config.json</c>, whose <c>model_type</c> chooses the family, and the weights.</param>
    /// <param name="head">The head; null for the one that the folder was saved with. A classification head that the folder lacks is initialized.</param>
    /// <param name="generator">Where the initial values of a missing head are drawn from.</param>
    /// <param name="options">What the head is to tell, and the dropout; null for what the folder says. A classifier of other labels is initialized.</param>
    /// <returns>The model, in evaluation mode as transformers gives it; <see cref="Training.Trainer"/> trains it all the same. <see cref="LoadedWeights.Of"/> tells what was initialized, and what of the folder was left out.</returns>
    /// <exception cref="CheckpointException">The family is not known, a file is missing or broken, or its tensors do not fit.</exception>
    /// <exception cref="ArgumentException">The family has no such head.</exception>
    public static ITransformerModel FromPretrained(string folder, ModelHead? head = null, Generator? generator = null, HeadOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ConfigReader json = ConfigReader.OfFolder(folder);
        foreach (var (modelType, load) in s_families)
        {
            if (modelType == json.ModelType) return load(folder, head, generator, options);
        }
        string found = json.Names("model_type") ? $"model_type is '{json.ModelType}', which is not known" : "model_type is missing";
        throw new CheckpointException(Path.Combine(folder, "config.json"), $"{found}; it must be one of {string.Join(", ", ModelTypes)}.");
    }

    /// <summary>A BERT that predicts the next token is a <see cref="UniLmModel"/>, and so is one that scores all tokens as a decoder.</summary>
    private static ITransformerModel Bert(string folder, ModelHead? head, Generator? generator, HeadOptions? options) =>
        head == ModelHead.CausalLanguageModel || (head is null && UniLmWeights.IsMeant(ConfigReader.OfFolder(folder)))
            ? UniLmModel.FromPretrained(folder, head, options)
            : BertModel.FromPretrained(folder, head, generator, options);
}
