using System.Text.Json.Nodes;

namespace PreTrain.Models.ModernBert;

/// <summary>The two-way table between a <see cref="ModernBertModel"/> and a Hugging Face ModernBERT folder.</summary>
internal static class ModernBertWeights
{
    /// <summary>Heads and the class names of transformers.</summary>
    internal static readonly (ModelHead Head, string Architecture)[] Architectures =
    [
        (ModelHead.MaskedLanguageModel, "ModernBertForMaskedLM"), (ModelHead.SequenceClassification, "ModernBertForSequenceClassification"),
        (ModelHead.TokenClassification, "ModernBertForTokenClassification"), (ModelHead.QuestionAnswering, "ModernBertForQuestionAnswering"), (ModelHead.None, "ModernBertModel"),
    ];

    /// <summary>The table for all parameters of a model. The vocabulary's map is the token embedding, so it has no row.</summary>
    internal static IEnumerable<WeightRow> Table(ModernBertConfig config, ModelHead head)
    {
        long c = config.EmbeddingDim;
        // The bare model leaves the prefix out.
        string prefix = head == ModelHead.None ? "" : "model.", other = head == ModelHead.None ? "model." : "";
        IEnumerable<WeightRow> encoder = Encoder(config).Select(row => row with { Theirs = prefix + row.Theirs, Aliases = [other + row.Theirs] });
        foreach (WeightRow row in head == ModelHead.MaskedLanguageModel ? EncoderWeights.Tied(encoder, "token_embedding", "decoder") : encoder) yield return row;
        if (head == ModelHead.None) yield break;
        yield return new("transform.weight", "head.dense.weight", c, c);
        yield return new("transform_norm.weight", "head.norm.weight", c);
        if (head == ModelHead.MaskedLanguageModel)
        {
            yield return new("prediction_bias", "decoder.bias", config.VocabSize) { TiedMap = "decoder" };
            yield break;
        }
        IEnumerable<WeightRow> classifier = head == ModelHead.QuestionAnswering
            ? EncoderWeights.Map("classifier", "classifier", 2, c) : EncoderWeights.Labels("classifier", "classifier", config.LabelCount, c);
        foreach (WeightRow row in classifier) yield return row;
    }

    /// <summary>The tensors of a checkpoint that a model may leave: those of other heads.</summary>
    internal static bool IsIgnored(string name) =>
        name.StartsWith("decoder.", StringComparison.Ordinal) || name.StartsWith("head.", StringComparison.Ordinal) || name.StartsWith("classifier.", StringComparison.Ordinal);

    /// <summary>Whether a row may be missing: those of a head that is to be trained on top of a pre-trained encoder.</summary>
    internal static bool IsOfHead(WeightRow row, ModelHead head) =>
        row.Ours.StartsWith("classifier.", StringComparison.Ordinal) || (head != ModelHead.MaskedLanguageModel && row.Ours.StartsWith("transform", StringComparison.Ordinal));

    internal static JsonObject ToConfigJson(ModernBertConfig config, ModelHead head) => new JsonObject
    {
        ["model_type"] = "modernbert",
        ["architectures"] = new JsonArray(Architectures.First(a => a.Head == head).Architecture),
        ["vocab_size"] = config.VocabSize,
        ["max_position_embeddings"] = config.ContextLength,
        ["num_hidden_layers"] = config.LayerCount,
        ["num_attention_heads"] = config.HeadCount,
        ["hidden_size"] = config.EmbeddingDim,
        ["intermediate_size"] = config.FeedForwardDim,
        ["hidden_activation"] = "gelu",
        ["classifier_activation"] = "gelu",
        ["layer_types"] = new JsonArray([.. Enumerable.Range(0, config.LayerCount).Select(layer => (JsonNode)(config.IsGlobal(layer) ? "full_attention" : "sliding_attention"))]),
        ["rope_parameters"] = new JsonObject
        {
            ["full_attention"] = new JsonObject { ["rope_type"] = "default", ["rope_theta"] = config.GlobalRotaryBase },
            ["sliding_attention"] = new JsonObject { ["rope_type"] = "default", ["rope_theta"] = config.LocalRotaryBase },
        },
        // As versions of transformers before 5 read it.
        ["global_attn_every_n_layers"] = config.GlobalEveryLayers,
        ["global_rope_theta"] = config.GlobalRotaryBase,
        ["local_rope_theta"] = config.LocalRotaryBase,
        ["local_attention"] = config.LocalWindow,
        ["norm_eps"] = config.NormEpsilon,
        ["norm_bias"] = false,
        ["attention_bias"] = false,
        ["mlp_bias"] = false,
        ["classifier_bias"] = false,
        ["decoder_bias"] = true,
        ["embedding_dropout"] = config.EmbeddingDropout,
        ["attention_dropout"] = config.AttentionDropout,
        ["mlp_dropout"] = config.FeedForwardDropout,
        ["classifier_dropout"] = config.ClassifierDropout,
        ["classifier_pooling"] = config.UsesMeanPooling ? "mean" : "cls",
        ["initializer_range"] = config.InitializerRange,
        ["pad_token_id"] = config.PaddingId,
        ["num_labels"] = config.LabelCount,
        ["tie_word_embeddings"] = true,
        ["dtype"] = "float32",
    }.WithLabels(head, config.Labels, config.Task);

    internal static ModernBertConfig ToConfig(ConfigReader json)
    {
        json.Require("model_type", "modernbert", "a ModernBertModel", "modernbert");
        json.Require("hidden_activation", "gelu", "a ModernBertModel", "gelu");
        json.Require("classifier_activation", "gelu", "a ModernBertModel", "gelu");
        json.Require("classifier_pooling", "cls", "a ModernBertModel", "cls", "mean");
        foreach (string name in new[] { "norm_bias", "attention_bias", "mlp_bias", "classifier_bias" }) json.Require(name, false, "a ModernBertModel", false);
        json.Require("decoder_bias", true, "a ModernBertModel", true);
        json.Require("tie_word_embeddings", true, "a ModernBertModel", true);
        RequireRotary(json, "rope_scaling");
        RequireRotary(json, "rope_parameters");
        ConfigReader? rotary = json.In("rope_parameters"), both = json.In("rope_scaling");
        string[]? types = json.Texts("layer_types");
        int every = json.Whole("global_attn_every_n_layers", types is null ? 3 : Math.Max(1, Array.IndexOf([.. types.Skip(1)], "full_attention") is var next && next < 0 ? types.Length : next + 1));
        var config = new ModernBertConfig
        {
            VocabSize = json.Whole("vocab_size", 50368),
            ContextLength = json.Whole("max_position_embeddings", 8192),
            LayerCount = json.Whole("num_hidden_layers", 22),
            HeadCount = json.Whole("num_attention_heads", 12),
            EmbeddingDim = json.Whole("hidden_size", 768),
            FeedForwardDim = json.Whole("intermediate_size", 1152),
            GlobalEveryLayers = every,
            LocalWindow = json.Whole("local_attention", 128),
            GlobalRotaryBase = Base("full_attention", "global_rope_theta", 160_000),
            LocalRotaryBase = Base("sliding_attention", "local_rope_theta", 10_000),
            NormEpsilon = json.Number("norm_eps", 1e-5),
            EmbeddingDropout = json.Number("embedding_dropout", 0),
            AttentionDropout = json.Number("attention_dropout", 0),
            FeedForwardDropout = json.Number("mlp_dropout", 0),
            ClassifierDropout = json.Number("classifier_dropout", 0),
            UsesMeanPooling = json.Text("classifier_pooling", "cls") == "mean",
            InitializerRange = json.Number("initializer_range", 0.02),
            PaddingId = json.Whole("pad_token_id", 50283),
            LabelCount = json.Labels(),
            Labels = json.LabelNames(),
            Task = json.Task(),
        };
        if (types is not null && every > 0 && !types.SequenceEqual(Enumerable.Range(0, config.LayerCount).Select(layer => config.IsGlobal(layer) ? "full_attention" : "sliding_attention")))
            json.Fault($"layer_types ({string.Join(", ", types)}) is not global attention in every {every}th of {config.LayerCount} layers from the first on, which a ModernBertModel computes.");
        json.Finish(config.Validate);
        return config;

        // As transformers: the older name of the section is put over both kinds of layers, and the oldest names are for what is in neither.
        double Base(string layers, string name, double fallback)
        {
            double own = rotary?.In(layers) is { } part && part.Has("rope_theta") ? part.Number("rope_theta", fallback) : json.Number(name, fallback);
            return both?.Number("rope_theta", own) ?? own;
        }
    }

    /// <summary>Requires that frequencies are not stretched, in the section or in its parts.</summary>
    private static void RequireRotary(ConfigReader json, string section)
    {
        if (json.In(section) is not { } rotary) return;
        foreach (ConfigReader part in json.Section(section)!.Where(p => p.Value is JsonObject).Select(p => rotary.In(p.Key)!).Prepend(rotary))
        {
            foreach (string name in new[] { "rope_type", "type" }) part.Require(name, "default", "a ModernBertModel", "default");
        }
    }

    private static IEnumerable<WeightRow> Encoder(ModernBertConfig config)
    {
        long c = config.EmbeddingDim;
        yield return new("token_embedding", "embeddings.tok_embeddings.weight", config.VocabSize, c);
        yield return new("embedding_norm.weight", "embeddings.norm.weight", c);
        for (int layer = 0; layer < config.LayerCount; layer++)
        {
            string ours = $"blocks.{layer}.", theirs = $"layers.{layer}.";
            if (layer > 0) yield return new(ours + "attention_norm.weight", theirs + "attn_norm.weight", c);
            yield return new(ours + "qkv.weight", theirs + "attn.Wqkv.weight", 3 * c, c);
            yield return new(ours + "attention_output.weight", theirs + "attn.Wo.weight", c, c);
            yield return new(ours + "feed_forward_norm.weight", theirs + "mlp_norm.weight", c);
            yield return new(ours + "feed_forward_input.weight", theirs + "mlp.Wi.weight", 2 * config.FeedForwardDim, c);
            yield return new(ours + "feed_forward_output.weight", theirs + "mlp.Wo.weight", c, config.FeedForwardDim);
        }
        yield return new("final_norm.weight", "final_norm.weight", c);
    }
}
