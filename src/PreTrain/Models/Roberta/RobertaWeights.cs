using System.Text.Json.Nodes;
using PreTrain.Modules;

namespace PreTrain.Models.Roberta;

/// <summary>The two-way table between a <see cref="RobertaModel"/> and a Hugging Face RoBERTa or XLM-R folder.</summary>
internal static class RobertaWeights
{
    /// <summary>Heads and the class names of transformers; those of XLM-R have XLM before them.</summary>
    internal static readonly (ModelHead Head, string Architecture)[] Architectures =
    [
        (ModelHead.MaskedLanguageModel, "RobertaForMaskedLM"), (ModelHead.SequenceClassification, "RobertaForSequenceClassification"),
        (ModelHead.TokenClassification, "RobertaForTokenClassification"), (ModelHead.QuestionAnswering, "RobertaForQuestionAnswering"), (ModelHead.None, "RobertaModel"),
    ];

    /// <summary>The table for all parameters of a model. The vocabulary's map is the token embedding, so it has no row.</summary>
    internal static IEnumerable<WeightRow> Table(RobertaConfig config, ModelHead head)
    {
        long c = config.EmbeddingDim;
        IEnumerable<WeightRow> encoder = EncoderWeights.Encoder(config.ToEncoder(), "roberta.", bare: head == ModelHead.None);
        return (head == ModelHead.MaskedLanguageModel ? EncoderWeights.Tied(encoder, "encoder.token_embedding", "lm_head.decoder") : encoder).Concat(head switch
        {
            ModelHead.MaskedLanguageModel =>
            [
                .. EncoderWeights.Map("prediction.transform", "lm_head.dense", c, c), .. EncoderWeights.Norm("prediction.norm", "lm_head.layer_norm", c),
                new("prediction.bias", "lm_head.bias", config.VocabSize) { Aliases = ["lm_head.decoder.bias"], TiedMap = "lm_head.decoder" },
            ],
            ModelHead.SequenceClassification =>
                [.. EncoderWeights.Map("sequence_classifier.hidden", "classifier.dense", c, c), .. EncoderWeights.Labels("sequence_classifier.output", "classifier.out_proj", config.LabelCount, c)],
            ModelHead.TokenClassification => EncoderWeights.Labels("classifier", "classifier", config.LabelCount, c),
            ModelHead.QuestionAnswering => EncoderWeights.Map("classifier", "qa_outputs", 2, c),
            _ => EncoderWeights.Map("pooler", "pooler.dense", c, c).Select(row => row with { Aliases = ["roberta." + row.Theirs] }),
        });
    }

    /// <summary>The tensors of a checkpoint that a model may leave: those of other heads, and what older versions wrote.</summary>
    internal static bool IsIgnored(string name) =>
        name.StartsWith("lm_head.", StringComparison.Ordinal) || name.StartsWith("classifier.", StringComparison.Ordinal) || name.StartsWith("qa_outputs.", StringComparison.Ordinal)
        || name.Contains("pooler.dense.", StringComparison.Ordinal) || EncoderWeights.IsBuffer(name);

    /// <summary>Whether a row may be missing: those of a head that is to be trained on top of a pre-trained encoder.</summary>
    internal static bool IsOfHead(WeightRow row) => !row.Ours.StartsWith("encoder.", StringComparison.Ordinal) && !row.Ours.StartsWith("prediction.", StringComparison.Ordinal);

    internal static JsonObject ToConfigJson(RobertaConfig config, ModelHead head) => new JsonObject
    {
        ["model_type"] = ModelType(config),
        ["architectures"] = new JsonArray((config.IsMultilingual ? "XLM" : "") + Architectures.First(a => a.Head == head).Architecture),
        ["vocab_size"] = config.VocabSize,
        ["max_position_embeddings"] = config.PositionCount,
        ["type_vocab_size"] = config.TokenTypeCount,
        ["num_hidden_layers"] = config.LayerCount,
        ["num_attention_heads"] = config.HeadCount,
        ["hidden_size"] = config.EmbeddingDim,
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

    internal static string ModelType(RobertaConfig config) => config.IsMultilingual ? "xlm-roberta" : "roberta";

    internal static RobertaConfig ToConfig(ConfigReader json)
    {
        json.Require("model_type", "roberta", "a RobertaModel", "roberta", "xlm-roberta");
        json.Require("tie_word_embeddings", true, "a RobertaModel", true);
        json.Require("is_decoder", false, "a RobertaModel", false);
        json.Require("position_embedding_type", "absolute", "a RobertaModel", "absolute");
        int padding = json.Whole("pad_token_id", 1);
        var config = new RobertaConfig
        {
            VocabSize = json.Whole("vocab_size", 50265),
            ContextLength = json.Whole("max_position_embeddings", 512) - padding - 1,
            TokenTypeCount = json.Whole("type_vocab_size", 2),
            LayerCount = json.Whole("num_hidden_layers", 12),
            HeadCount = json.Whole("num_attention_heads", 12),
            EmbeddingDim = json.Whole("hidden_size", 768),
            FeedForwardDim = json.Whole("intermediate_size", 3072),
            Activation = json.ActivationOf("hidden_act", "gelu"),
            Dropout = json.Number("hidden_dropout_prob", 0.1),
            AttentionDropout = json.Number("attention_probs_dropout_prob", 0.1),
            ClassifierDropout = json.Has("classifier_dropout") ? json.Number("classifier_dropout", 0) : null,
            NormEpsilon = json.Number("layer_norm_eps", 1e-12),
            InitializerRange = json.Number("initializer_range", 0.02),
            PaddingId = padding,
            LabelCount = json.Labels(),
            Labels = json.LabelNames(),
            Task = json.Task(),
            IsMultilingual = json.ModelType == "xlm-roberta",
        };
        json.Finish(config.Validate);
        return config;
    }
}
