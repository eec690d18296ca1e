using System.Text.Json.Nodes;
using PreTrain.Modules;

namespace PreTrain.Models.Ernie;

/// <summary>The two-way table between a <see cref="ErnieModel"/> and a Hugging Face ERNIE folder.</summary>
internal static class ErnieWeights
{
    /// <summary>Heads and the class names of transformers.</summary>
    internal static readonly (ModelHead Head, string Architecture)[] Architectures =
    [
        (ModelHead.PreTraining, "ErnieForPreTraining"), (ModelHead.MaskedLanguageModel, "ErnieForMaskedLM"), (ModelHead.NextSentence, "ErnieForNextSentencePrediction"),
        (ModelHead.SequenceClassification, "ErnieForSequenceClassification"), (ModelHead.TokenClassification, "ErnieForTokenClassification"),
        (ModelHead.QuestionAnswering, "ErnieForQuestionAnswering"), (ModelHead.None, "ErnieModel"),
    ];

    /// <summary>The table for all parameters of a model. The vocabulary's map is the token embedding, so it has no row.</summary>
    internal static IEnumerable<WeightRow> Table(ErnieConfig config, ModelHead head)
    {
        long c = config.EmbeddingDim;
        bool hasVocabulary = head is ModelHead.MaskedLanguageModel or ModelHead.PreTraining;
        IEnumerable<WeightRow> encoder = EncoderWeights.Encoder(config.ToEncoder(), "ernie.", bare: head == ModelHead.None), rest = [];
        foreach (WeightRow row in hasVocabulary ? EncoderWeights.Tied(encoder, "encoder.token_embedding", EncoderWeights.VocabularyMap) : encoder) yield return row;
        if (ErnieModel.HasPooler(head))
        {
            string prefix = head == ModelHead.None ? "" : "ernie.", other = head == ModelHead.None ? "ernie." : "";
            rest = EncoderWeights.Map("pooler", "pooler.dense", c, c).Select(row => row with { Theirs = prefix + row.Theirs, Aliases = [other + row.Theirs] });
        }
        if (hasVocabulary) rest = rest.Concat(EncoderWeights.Vocabulary("prediction", config.EmbeddingDim, config.VocabSize));
        IEnumerable<WeightRow> classes = head switch
        {
            ModelHead.NextSentence or ModelHead.PreTraining => EncoderWeights.Map("next_sentence", "cls.seq_relationship", 2, c),
            ModelHead.SequenceClassification or ModelHead.TokenClassification => EncoderWeights.Labels("classifier", "classifier", config.LabelCount, c),
            ModelHead.QuestionAnswering => EncoderWeights.Map("classifier", "qa_outputs", 2, c),
            _ => [],
        };
        foreach (WeightRow row in rest.Concat(classes)) yield return row;
    }

    /// <summary>The tensors of a checkpoint that a model may leave: those of other heads, and what older versions wrote.</summary>
    internal static bool IsIgnored(string name) =>
        name.StartsWith("cls.", StringComparison.Ordinal) || name.StartsWith("classifier.", StringComparison.Ordinal) || name.StartsWith("qa_outputs.", StringComparison.Ordinal)
        || name.Contains("pooler.dense.", StringComparison.Ordinal) || EncoderWeights.IsBuffer(name);

    /// <summary>Whether a row may be missing: those of a head that is to be trained on top of a pre-trained encoder.</summary>
    internal static bool IsOfHead(WeightRow row) => !row.Ours.StartsWith("encoder.", StringComparison.Ordinal) && !row.Ours.StartsWith("prediction.", StringComparison.Ordinal);

    internal static JsonObject ToConfigJson(ErnieConfig config, ModelHead head) => new JsonObject
    {
        ["model_type"] = "ernie",
        ["architectures"] = new JsonArray(Architectures.First(a => a.Head == head).Architecture),
        ["vocab_size"] = config.VocabSize,
        ["max_position_embeddings"] = config.ContextLength,
        ["type_vocab_size"] = config.TokenTypeCount,
        ["use_task_id"] = config.TaskTypeCount > 0,
        ["task_type_vocab_size"] = Math.Max(1, config.TaskTypeCount),
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

    internal static ErnieConfig ToConfig(ConfigReader json)
    {
        json.Require("model_type", "ernie", "a ErnieModel", "ernie");
        json.Require("tie_word_embeddings", true, "a ErnieModel", true);
        json.Require("is_decoder", false, "a ErnieModel", false);
        json.Require("position_embedding_type", "absolute", "a ErnieModel", "absolute");
        var config = new ErnieConfig
        {
            VocabSize = json.Whole("vocab_size", 30522),
            ContextLength = json.Whole("max_position_embeddings", 512),
            TokenTypeCount = json.Whole("type_vocab_size", 2),
            TaskTypeCount = json.Flag("use_task_id", false) ? json.Whole("task_type_vocab_size", 3) : 0,
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
            PaddingId = json.Whole("pad_token_id", 0),
            LabelCount = json.Labels(),
            Labels = json.LabelNames(),
            Task = json.Task(),
        };
        json.Finish(config.Validate);
        return config;
    }
}
