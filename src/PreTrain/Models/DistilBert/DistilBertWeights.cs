using System.Text.Json.Nodes;
using PreTrain.Modules;

namespace PreTrain.Models.DistilBert;

/// <summary>The two-way table between a <see cref="DistilBertModel"/> and a Hugging Face DistilBERT folder.</summary>
internal static class DistilBertWeights
{
    private const string Prefix = "distilbert.";

    /// <summary>Heads and the class names of transformers.</summary>
    internal static readonly (ModelHead Head, string Architecture)[] Architectures =
    [
        (ModelHead.MaskedLanguageModel, "DistilBertForMaskedLM"), (ModelHead.SequenceClassification, "DistilBertForSequenceClassification"),
        (ModelHead.TokenClassification, "DistilBertForTokenClassification"), (ModelHead.QuestionAnswering, "DistilBertForQuestionAnswering"), (ModelHead.None, "DistilBertModel"),
    ];

    /// <summary>The table for all parameters of a model. The vocabulary's map is the token embedding, so it has no row.</summary>
    internal static IEnumerable<WeightRow> Table(DistilBertConfig config, ModelHead head)
    {
        long c = config.EmbeddingDim;
        bool bare = head == ModelHead.None;
        IEnumerable<WeightRow> encoder = Encoder(config).Select(row => row with { Ours = "encoder." + row.Ours, Theirs = bare ? row.Theirs : Prefix + row.Theirs, Aliases = [bare ? Prefix + row.Theirs : row.Theirs] });
        return (head == ModelHead.MaskedLanguageModel ? EncoderWeights.Tied(encoder, "encoder.token_embedding", "vocab_projector") : encoder)
            .Concat(head switch
            {
                ModelHead.MaskedLanguageModel =>
                [
                    .. EncoderWeights.Map("prediction.transform", "vocab_transform", c, c), .. EncoderWeights.Norm("prediction.norm", "vocab_layer_norm", c),
                    new("prediction.bias", "vocab_projector.bias", config.VocabSize) { TiedMap = "vocab_projector" },
                ],
                ModelHead.SequenceClassification => [.. EncoderWeights.Map("pre_classifier", "pre_classifier", c, c), .. EncoderWeights.Labels("classifier", "classifier", config.LabelCount, c)],
                ModelHead.TokenClassification => EncoderWeights.Labels("classifier", "classifier", config.LabelCount, c),
                ModelHead.QuestionAnswering => EncoderWeights.Map("classifier", "qa_outputs", 2, c),
                _ => [],
            });
    }

    /// <summary>The tensors of a checkpoint that a model may leave: those of other heads, and what older versions wrote.</summary>
    internal static bool IsIgnored(string name) =>
        name.StartsWith("vocab_", StringComparison.Ordinal) || name.StartsWith("pre_classifier.", StringComparison.Ordinal) || name.StartsWith("classifier.", StringComparison.Ordinal)
        || name.StartsWith("qa_outputs.", StringComparison.Ordinal) || EncoderWeights.IsBuffer(name);

    /// <summary>Whether a row may be missing: those of a head that is to be trained on top of a pre-trained encoder.</summary>
    internal static bool IsOfHead(WeightRow row) => row.Ours.StartsWith("classifier.", StringComparison.Ordinal) || row.Ours.StartsWith("pre_classifier.", StringComparison.Ordinal);

    internal static JsonObject ToConfigJson(DistilBertConfig config, ModelHead head) => new JsonObject
    {
        ["model_type"] = "distilbert",
        ["architectures"] = new JsonArray(Architectures.First(a => a.Head == head).Architecture),
        ["vocab_size"] = config.VocabSize,
        ["max_position_embeddings"] = config.ContextLength,
        ["sinusoidal_pos_embds"] = false,
        ["n_layers"] = config.LayerCount,
        ["n_heads"] = config.HeadCount,
        ["dim"] = config.EmbeddingDim,
        ["hidden_dim"] = config.InnerDim,
        ["activation"] = Activations.NameOf(config.Activation),
        ["dropout"] = config.Dropout,
        ["attention_dropout"] = config.AttentionDropout,
        ["seq_classif_dropout"] = config.ClassifierDropout,
        ["qa_dropout"] = config.AnswerDropout,
        ["initializer_range"] = config.InitializerRange,
        ["pad_token_id"] = config.PaddingId,
        ["num_labels"] = config.LabelCount,
        ["tie_word_embeddings"] = true,
        ["dtype"] = "float32",
    }.WithLabels(head, config.Labels, config.Task);

    internal static DistilBertConfig ToConfig(ConfigReader json)
    {
        json.Require("model_type", "distilbert", "a DistilBertModel", "distilbert");
        json.Require("tie_word_embeddings", true, "a DistilBertModel", true);
        var config = new DistilBertConfig
        {
            VocabSize = json.Whole("vocab_size", 30522),
            ContextLength = json.Whole("max_position_embeddings", 512),
            LayerCount = json.Whole("n_layers", 6),
            HeadCount = json.Whole("n_heads", 12),
            EmbeddingDim = json.Whole("dim", 768),
            FeedForwardDim = json.Whole("hidden_dim", 3072),
            Activation = json.ActivationOf("activation", "gelu"),
            Dropout = json.Number("dropout", 0.1),
            AttentionDropout = json.Number("attention_dropout", 0.1),
            ClassifierDropout = json.Number("seq_classif_dropout", 0.2),
            AnswerDropout = json.Number("qa_dropout", 0.1),
            InitializerRange = json.Number("initializer_range", 0.02),
            PaddingId = json.Whole("pad_token_id", 0),
            LabelCount = json.Labels(),
            Labels = json.LabelNames(),
            Task = json.Task(),
        };
        json.Finish(config.Validate);
        return config;
    }

    private static IEnumerable<WeightRow> Encoder(DistilBertConfig config)
    {
        long c = config.EmbeddingDim, inner = config.InnerDim;
        IEnumerable<WeightRow> rows =
        [
            new("token_embedding", "embeddings.word_embeddings.weight", config.VocabSize, c), new("position_embedding", "embeddings.position_embeddings.weight", config.ContextLength, c),
            .. EncoderWeights.Norm("embedding_norm", "embeddings.LayerNorm", c),
        ];
        for (int layer = 0; layer < config.LayerCount; layer++)
        {
            string ours = $"blocks.{layer}.", theirs = $"transformer.layer.{layer}.";
            rows =
            [
                .. rows,
                .. EncoderWeights.Map(ours + "query", theirs + "attention.q_lin", c, c), .. EncoderWeights.Map(ours + "key", theirs + "attention.k_lin", c, c),
                .. EncoderWeights.Map(ours + "value", theirs + "attention.v_lin", c, c), .. EncoderWeights.Map(ours + "attention_output", theirs + "attention.out_lin", c, c),
                .. EncoderWeights.Norm(ours + "attention_norm", theirs + "sa_layer_norm", c), .. EncoderWeights.Map(ours + "feed_forward_input", theirs + "ffn.lin1", inner, c),
                .. EncoderWeights.Map(ours + "feed_forward_output", theirs + "ffn.lin2", c, inner), .. EncoderWeights.Norm(ours + "feed_forward_norm", theirs + "output_layer_norm", c),
            ];
        }
        return rows;
    }
}
