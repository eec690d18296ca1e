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
        long c = config.EmbeddingDim, v = config.VocabSize;
        // The bare BertModel leaves the prefix out.
        string prefix = head == ModelHead.None ? "" : "bert.";
        foreach (WeightRow row in Encoder(config, BertModel.HasPooler(head))) yield return row with { Theirs = prefix + row.Theirs, Aliases = Aliases(row.Theirs) };
        if (head is ModelHead.MaskedLanguageModel or ModelHead.PreTraining)
        {
            yield return new("prediction.weight", "cls.predictions.transform.dense.weight", c, c);
            yield return new("prediction.bias", "cls.predictions.transform.dense.bias", c);
            yield return Norm("prediction_norm.weight", "cls.predictions.transform.LayerNorm.weight", c);
            yield return Norm("prediction_norm.bias", "cls.predictions.transform.LayerNorm.bias", c);
            yield return new("prediction_bias", "cls.predictions.bias", v) { Aliases = ["cls.predictions.decoder.bias"] };
        }
        var (ours, theirs, classes) = head switch
        {
            ModelHead.NextSentence or ModelHead.PreTraining => ("next_sentence", "cls.seq_relationship", 2),
            ModelHead.SequenceClassification or ModelHead.TokenClassification => ("classifier", "classifier", config.LabelCount),
            ModelHead.QuestionAnswering => ("classifier", "qa_outputs", 2),
            _ => ("", "", 0),
        };
        if (classes == 0) yield break;
        yield return new(ours + ".weight", theirs + ".weight", classes, c);
        yield return new(ours + ".bias", theirs + ".bias", classes);

        string[] Aliases(string theirs)
        {
            string other = (prefix.Length == 0 ? "bert." : "") + theirs;
            return theirs.Contains("LayerNorm", StringComparison.Ordinal) ? [other, Old(prefix + theirs), Old(other)] : [other];
        }
    }

    /// <summary>The tensors of a checkpoint that a model may leave: other heads, and what older versions wrote.</summary>
    internal static bool IsIgnored(string name) =>
        name.StartsWith("cls.", StringComparison.Ordinal) || name.StartsWith("classifier.", StringComparison.Ordinal) || name.StartsWith("qa_outputs.", StringComparison.Ordinal)
        || name.Contains("pooler.dense.", StringComparison.Ordinal) || name.EndsWith("embeddings.position_ids", StringComparison.Ordinal)
        || name.EndsWith("embeddings.token_type_ids", StringComparison.Ordinal);

    /// <summary>Whether a row may be missing: those of a head that is to be trained on top of a pre-trained encoder.</summary>
    internal static bool IsOfHead(WeightRow row) =>
        row.Ours.StartsWith("classifier.", StringComparison.Ordinal) || row.Ours.StartsWith("pooler.", StringComparison.Ordinal) || row.Ours.StartsWith("next_sentence.", StringComparison.Ordinal);

    internal static JsonObject ToConfigJson(BertConfig config, ModelHead head) => new()
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
        string activation = json.Text("hidden_act", "gelu");
        if (Activations.OfName(activation) is null) json.Fault($"hidden_act is '{activation}', which is not known.");
        var config = new BertConfig
        {
            VocabSize = json.Whole("vocab_size", 30522),
            ContextLength = json.Whole("max_position_embeddings", 512),
            TokenTypeCount = json.Whole("type_vocab_size", 2),
            LayerCount = json.Whole("num_hidden_layers", 12),
            HeadCount = json.Whole("num_attention_heads", 12),
            EmbeddingDim = json.Whole("hidden_size", 768),
            FeedForwardDim = json.Whole("intermediate_size", 3072),
            Activation = Activations.OfName(activation) ?? Activation.Gelu,
            Dropout = json.Number("hidden_dropout_prob", 0.1),
            AttentionDropout = json.Number("attention_probs_dropout_prob", 0.1),
            NormEpsilon = json.Number("layer_norm_eps", 1e-12),
            InitializerRange = json.Number("initializer_range", 0.02),
            PaddingId = json.Whole("pad_token_id", 0),
            LabelCount = json.Labels(),
        };
        json.Finish(config.Validate);
        return config;
    }

    private static IEnumerable<WeightRow> Encoder(BertConfig config, bool pooler)
    {
        long c = config.EmbeddingDim, inner = config.InnerDim;
        yield return new("token_embedding", "embeddings.word_embeddings.weight", config.VocabSize, c);
        yield return new("position_embedding", "embeddings.position_embeddings.weight", config.ContextLength, c);
        yield return new("type_embedding", "embeddings.token_type_embeddings.weight", config.TokenTypeCount, c);
        yield return new("embedding_norm.weight", "embeddings.LayerNorm.weight", c);
        yield return new("embedding_norm.bias", "embeddings.LayerNorm.bias", c);
        for (int layer = 0; layer < config.LayerCount; layer++)
        {
            foreach (WeightRow row in Block($"blocks.{layer}.", $"encoder.layer.{layer}.", c, inner)) yield return row;
        }
        if (!pooler) yield break;
        yield return new("pooler.weight", "pooler.dense.weight", c, c);
        yield return new("pooler.bias", "pooler.dense.bias", c);
    }

    /// <summary>A <see cref="PostNormBlock"/> as BERT and what came of it name it.</summary>
    internal static IEnumerable<WeightRow> Block(string ours, string theirs, long c, long inner)
    {
        foreach (var (mine, other, outputs, inputs) in new[]
        {
            ("query", "attention.self.query", c, c), ("key", "attention.self.key", c, c), ("value", "attention.self.value", c, c), ("attention_output", "attention.output.dense", c, c),
            ("feed_forward_input", "intermediate.dense", inner, c), ("feed_forward_output", "output.dense", c, inner),
        })
        {
            yield return new($"{ours}{mine}.weight", $"{theirs}{other}.weight", outputs, inputs);
            yield return new($"{ours}{mine}.bias", $"{theirs}{other}.bias", outputs);
        }
        foreach (var (mine, other) in new[] { ("attention_norm", "attention.output.LayerNorm"), ("feed_forward_norm", "output.LayerNorm") })
        {
            yield return new($"{ours}{mine}.weight", $"{theirs}{other}.weight", c);
            yield return new($"{ours}{mine}.bias", $"{theirs}{other}.bias", c);
        }
    }

    private static WeightRow Norm(string ours, string theirs, long c) => new(ours, theirs, c) { Aliases = [Old(theirs)] };

    // As the first checkpoints named the norms' parameters.
    private static string Old(string name) => name.Replace("LayerNorm.weight", "LayerNorm.gamma", StringComparison.Ordinal).Replace("LayerNorm.bias", "LayerNorm.beta", StringComparison.Ordinal);
}
