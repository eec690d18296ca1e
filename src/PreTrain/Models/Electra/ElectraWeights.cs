using System.Text.Json.Nodes;
using PreTrain.Modules;

namespace PreTrain.Models.Electra;

/// <summary>The two-way table between an <see cref="ElectraModel"/> and a Hugging Face ELECTRA folder.</summary>
internal static class ElectraWeights
{
    /// <summary>Heads and the class names of transformers.</summary>
    internal static readonly (ModelHead Head, string Architecture)[] Architectures =
    [
        (ModelHead.ReplacedTokenDetection, "ElectraForPreTraining"), (ModelHead.MaskedLanguageModel, "ElectraForMaskedLM"),
        (ModelHead.SequenceClassification, "ElectraForSequenceClassification"), (ModelHead.TokenClassification, "ElectraForTokenClassification"),
        (ModelHead.QuestionAnswering, "ElectraForQuestionAnswering"), (ModelHead.None, "ElectraModel"),
    ];

    /// <summary>The table for all parameters of a model. The vocabulary's map is the token embedding, so it has no row.</summary>
    internal static IEnumerable<WeightRow> Table(ElectraConfig config, ModelHead head)
    {
        long c = config.EmbeddingDim, e = config.TokenDim;
        IEnumerable<WeightRow> encoder = EncoderWeights.Encoder(config.ToEncoder(), "electra.", bare: head == ModelHead.None);
        return (head == ModelHead.MaskedLanguageModel ? EncoderWeights.Tied(encoder, "encoder.token_embedding", "generator_lm_head") : encoder).Concat(head switch
        {
            ModelHead.MaskedLanguageModel =>
            [
                .. EncoderWeights.Map("prediction.transform", "generator_predictions.dense", e, c), .. EncoderWeights.Norm("prediction.norm", "generator_predictions.LayerNorm", e),
                new("prediction.bias", "generator_lm_head.bias", config.VocabSize) { TiedMap = "generator_lm_head" },
            ],
            ModelHead.ReplacedTokenDetection =>
                [.. EncoderWeights.Map("detector", "discriminator_predictions.dense", c, c), .. EncoderWeights.Map("classifier", "discriminator_predictions.dense_prediction", 1, c)],
            ModelHead.SequenceClassification =>
                [.. EncoderWeights.Map("sequence_classifier.hidden", "classifier.dense", c, c), .. EncoderWeights.Labels("sequence_classifier.output", "classifier.out_proj", config.LabelCount, c)],
            ModelHead.TokenClassification => EncoderWeights.Labels("classifier", "classifier", config.LabelCount, c),
            ModelHead.QuestionAnswering => EncoderWeights.Map("classifier", "qa_outputs", 2, c),
            _ => [],
        });
    }

    /// <summary>The tensors of a checkpoint that a model may leave: those of other heads, and what older versions wrote.</summary>
    internal static bool IsIgnored(string name) =>
        name.StartsWith("generator_", StringComparison.Ordinal) || name.StartsWith("discriminator_predictions.", StringComparison.Ordinal) || name.StartsWith("classifier.", StringComparison.Ordinal)
        || name.StartsWith("qa_outputs.", StringComparison.Ordinal) || EncoderWeights.IsBuffer(name);

    /// <summary>Whether a row may be missing: those of a head that is to be trained on top of a pre-trained encoder.</summary>
    internal static bool IsOfHead(WeightRow row) => row.Ours.StartsWith("classifier.", StringComparison.Ordinal) || row.Ours.StartsWith("sequence_classifier.", StringComparison.Ordinal);

    internal static JsonObject ToConfigJson(ElectraConfig config, ModelHead head) => new JsonObject
    {
        ["model_type"] = "electra",
        ["architectures"] = new JsonArray(Architectures.First(a => a.Head == head).Architecture),
        ["vocab_size"] = config.VocabSize,
        ["max_position_embeddings"] = config.ContextLength,
        ["type_vocab_size"] = config.TokenTypeCount,
        ["num_hidden_layers"] = config.LayerCount,
        ["num_attention_heads"] = config.HeadCount,
        ["hidden_size"] = config.EmbeddingDim,
        ["embedding_size"] = config.TokenDim,
        ["intermediate_size"] = config.InnerDim,
        ["hidden_act"] = Activations.NameOf(config.Activation),
        ["hidden_dropout_prob"] = config.Dropout,
        ["attention_probs_dropout_prob"] = config.AttentionDropout,
        ["classifier_dropout"] = config.ClassifierDropout,
        ["layer_norm_eps"] = config.NormEpsilon,
        ["initializer_range"] = config.InitializerRange,
        ["pad_token_id"] = config.PaddingId,
        ["num_labels"] = config.LabelCount,
        ["tie_word_embeddings"] = true,
        ["dtype"] = "float32",
    }.WithLabels(head, config.Labels, config.Task);

    internal static ElectraConfig ToConfig(ConfigReader json)
    {
        json.Require("model_type", "electra", "an ElectraModel", "electra");
        json.Require("tie_word_embeddings", true, "an ElectraModel", true);
        json.Require("is_decoder", false, "an ElectraModel", false);
        json.Require("position_embedding_type", "absolute", "an ElectraModel", "absolute");
        var config = new ElectraConfig
        {
            VocabSize = json.Whole("vocab_size", 30522),
            ContextLength = json.Whole("max_position_embeddings", 512),
            TokenTypeCount = json.Whole("type_vocab_size", 2),
            LayerCount = json.Whole("num_hidden_layers", 12),
            HeadCount = json.Whole("num_attention_heads", 4),
            EmbeddingDim = json.Whole("hidden_size", 256),
            TokenEmbeddingDim = json.Whole("embedding_size", 128),
            FeedForwardDim = json.Whole("intermediate_size", 1024),
            Activation = json.ActivationOf("hidden_act", "gelu"),
            Dropout = json.Number("hidden_dropout_prob", 0.1),
            AttentionDropout = json.Number("attention_probs_dropout_prob", 0.1),
            ClassifierDropout = json.Has("classifier_dropout") ? json.Number("classifier_dropout", 0) : null,
            NormEpsilon = json.Number("layer_norm_eps", 1e-12),
            InitializerRange = json.Number("initializer_range", 0.02),
            PaddingId = json.Whole("pad_token_id", 0),
            LabelCount = json.Labels(),
            Labels = json.LabelNames(),
            Task = json.Task(),
        };
        json.Finish(config.Validate);
        return config;
    }
}
