using System.Text.Json.Nodes;
using PreTrain.Modules;

namespace PreTrain.Models.Bert;

/// <summary>The two-way table between a <see cref="BertModel"/> and a Hugging Face BERT folder.</summary>
internal static class BertWeights
{
    /// <summary>Heads and the class names of transformers.</summary>
    internal static readonly (ModelHead Head, string Architecture)[] Architectures =
    [
        (ModelHead.PreTraining, "BertForPreTraining"), (ModelHead.MaskedLanguageModel, "BertForMaskedLM"), (ModelHead.NextSentence, "BertForNextSentencePrediction"),
        (ModelHead.SequenceClassification, "BertForSequenceClassification"), (ModelHead.TokenClassification, "BertForTokenClassification"),
        (ModelHead.QuestionAnswering, "BertForQuestionAnswering"), (ModelHead.None, "BertModel"),
    ];

    /// <summary>The table for all parameters of a model. The vocabulary's map is the token embedding, so it has no row.</summary>
    internal static IEnumerable<WeightRow> Table(BertConfig config, ModelHead head)
    {
        long c = config.EmbeddingDim;
        bool hasVocabulary = head is ModelHead.MaskedLanguageModel or ModelHead.PreTraining;
        IEnumerable<WeightRow> encoder = EncoderWeights.Encoder(config.ToEncoder(), "bert.", bare: head == ModelHead.None), rest = [];
        foreach (WeightRow row in hasVocabulary ? EncoderWeights.Tied(encoder, "encoder.token_embedding", EncoderWeights.VocabularyMap) : encoder) yield return row;
        if (BertModel.HasPooler(head))
        {
            string prefix = head == ModelHead.None ? "" : "bert.", other = head == ModelHead.None ? "bert." : "";
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

    internal static JsonObject ToConfigJson(BertConfig config, ModelHead head)
    {
        JsonObject json = UsualConfigJson(config, head);
        if (config.HeadDim * config.HeadCount != config.EmbeddingDim) json["head_dim"] = config.HeadDim;
        return json.WithLabels(head, config.Labels, config.Task);
    }

    private static JsonObject UsualConfigJson(BertConfig config, ModelHead head) => new()
    {
        ["model_type"] = "bert",
        ["architectures"] = new JsonArray(Architectures.First(a => a.Head == head).Architecture),
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
        ["classifier_dropout"] = config.ClassifierDropout,
        ["layer_norm_eps"] = config.NormEpsilon,
        ["initializer_range"] = config.InitializerRange,
        ["pad_token_id"] = config.PaddingId,
        ["num_labels"] = config.LabelCount,
        ["tie_word_embeddings"] = true,
        ["dtype"] = "float32",
    };

    internal static BertConfig ToConfig(ConfigReader json)
    {
        json.Require("model_type", "bert", "a BertModel", "bert");
        json.Require("tie_word_embeddings", true, "a BertModel", true);
        json.Require("is_decoder", false, "a BertModel", false);
        json.Require("position_embedding_type", "absolute", "a BertModel", "absolute");
        var config = new BertConfig
        {
            VocabSize = json.Whole("vocab_size", 30522),
            ContextLength = json.Whole("max_position_embeddings", 512),
            TokenTypeCount = json.Whole("type_vocab_size", 2),
            LayerCount = json.Whole("num_hidden_layers", 12),
            HeadCount = json.Whole("num_attention_heads", 12),
            EmbeddingDim = json.Whole("hidden_size", 768),
            HeadWidth = json.Whole("head_dim", 0),
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
