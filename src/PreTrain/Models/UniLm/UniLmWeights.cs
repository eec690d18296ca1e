using System.Text.Json.Nodes;
using PreTrain.Modules;

namespace PreTrain.Models.UniLm;

/// <summary>The two-way table between a <see cref="UniLmModel"/> and a Hugging Face BERT folder. Both heads have the same tensors.</summary>
internal static class UniLmWeights
{
    /// <summary>Heads and the class names of transformers.</summary>
    internal static readonly (ModelHead Head, string Architecture)[] Architectures =
        [(ModelHead.MaskedLanguageModel, "BertForMaskedLM"), (ModelHead.CausalLanguageModel, "BertLMHeadModel")];

    /// <summary>The head that has the mask of transformers, which goes by <c>is_decoder</c> and not by the name of the class.</summary>
    internal static ModelHead HeadOf(ConfigReader json) => json.Flag("is_decoder", false) ? ModelHead.CausalLanguageModel : ModelHead.MaskedLanguageModel;

    /// <summary>Whether a folder of BERT holds what a <see cref="UniLmModel"/> alone computes.</summary>
    internal static bool IsMeant(ConfigReader json) =>
        json.Architectures.Contains("BertLMHeadModel") || (json.Architectures.Contains("BertForMaskedLM") && HeadOf(json) == ModelHead.CausalLanguageModel);

    /// <summary>The table for all parameters of a model. The vocabulary's map is the token embedding, so it has no row.</summary>
    internal static IEnumerable<WeightRow> Table(UniLmConfig config) =>
        EncoderWeights.Tied(EncoderWeights.Encoder(config.ToEncoder(), "bert.", bare: false), "encoder.token_embedding", EncoderWeights.VocabularyMap)
            .Concat(EncoderWeights.Vocabulary("prediction", config.EmbeddingDim, config.VocabSize));

    /// <summary>The tensors of a checkpoint that a model may leave: those of BERT's other heads, the map that is the token embedding once more, and what older versions wrote.</summary>
    internal static bool IsIgnored(string name) =>
        name.StartsWith("cls.seq_relationship.", StringComparison.Ordinal) || name.StartsWith(EncoderWeights.VocabularyMap + ".", StringComparison.Ordinal)
        || name.Contains("pooler.dense.", StringComparison.Ordinal) || EncoderWeights.IsBuffer(name);

    internal static JsonObject ToConfigJson(UniLmConfig config, ModelHead head) => new()
    {
        ["model_type"] = "bert",
        ["architectures"] = new JsonArray(Architectures.First(a => a.Head == head).Architecture),
        ["is_decoder"] = head == ModelHead.CausalLanguageModel,
        ["vocab_size"] = config.VocabSize,
        ["max_position_embeddings"] = config.ContextLength,
        ["type_vocab_size"] = config.TokenTypeCount,
        ["num_hidden_layers"] = config.LayerCount,
        ["num_attention_heads"] = config.HeadCount,
        ["hidden_size"] = config.EmbeddingDim,
        ["intermediate_size"] = config.InnerDim,
        ["hidden_act"] = Activations.NameOf(config.Activation),
        ["hidden_dropout_prob"] = config.Dropout,
        ["attention_probs_dropout_prob"] = config.AttentionDropout,
        ["layer_norm_eps"] = config.NormEpsilon,
        ["initializer_range"] = config.InitializerRange,
        ["pad_token_id"] = config.PaddingId,
        ["tie_word_embeddings"] = true,
        ["dtype"] = "float32",
    };

    /// <exception cref="Checkpoints.CheckpointException">The file describes no model that a <see cref="UniLmModel"/> computes; the message names each reason.</exception>
    internal static UniLmConfig ToConfig(ConfigReader json)
    {
        const string who = "a UniLmModel";
        json.Require("model_type", "bert", who, "bert");
        json.Require("tie_word_embeddings", true, who, true);
        json.Require("add_cross_attention", false, who, false);
        json.Require("position_embedding_type", "absolute", who, "absolute");
        var config = new UniLmConfig
        {
            VocabSize = json.Whole("vocab_size", 30522),
            ContextLength = json.Whole("max_position_embeddings", 512),
            TokenTypeCount = json.Whole("type_vocab_size", 2),
            LayerCount = json.Whole("num_hidden_layers", 12),
            HeadCount = json.Whole("num_attention_heads", 12),
            EmbeddingDim = json.Whole("hidden_size", 768),
            FeedForwardDim = json.Whole("intermediate_size", 3072),
            Activation = json.ActivationOf("hidden_act", "gelu"),
            Dropout = json.Number("hidden_dropout_prob", 0.1),
            AttentionDropout = json.Number("attention_probs_dropout_prob", 0.1),
            NormEpsilon = json.Number("layer_norm_eps", 1e-12),
            InitializerRange = json.Number("initializer_range", 0.02),
            PaddingId = json.Whole("pad_token_id", 0),
        };
        json.Finish(config.Validate);
        return config;
    }
}
