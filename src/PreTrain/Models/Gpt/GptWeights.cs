using System.Text.Json.Nodes;

namespace PreTrain.Models.Gpt;

/// <summary>The two-way table between a <see cref="GptModel"/> and a Hugging Face GPT-2 folder.</summary>
internal static class GptWeights
{
    /// <summary>Heads and the class names of transformers.</summary>
    internal static readonly (ModelHead Head, string Architecture)[] Architectures =
    [
        (ModelHead.CausalLanguageModel, "GPT2LMHeadModel"), (ModelHead.SequenceClassification, "GPT2ForSequenceClassification"), (ModelHead.None, "GPT2Model"),
    ];

    /// <summary>The table for all parameters of a model. The language model's head is the token embedding, so it has no row.</summary>
    internal static IEnumerable<WeightRow> Table(GptConfig config, ModelHead head = ModelHead.CausalLanguageModel)
    {
        // The bare model leaves the prefix out.
        string prefix = head == ModelHead.None ? "" : "transformer.", other = head == ModelHead.None ? "transformer." : "";
        IEnumerable<WeightRow> decoder = Decoder(config).Select(row => row with { Theirs = prefix + row.Theirs, Aliases = [other + row.Theirs] });
        foreach (WeightRow row in head == ModelHead.CausalLanguageModel ? EncoderWeights.Tied(decoder, "token_embedding", "lm_head") : decoder) yield return row;
        if (head == ModelHead.SequenceClassification) yield return new("classifier.weight", "score.weight", config.LabelCount, config.EmbeddingDim) { IsOfLabels = true };
    }

    /// <summary>The tensors of a checkpoint that a model may leave: other heads, and what older versions saved, the tied head once more and the causal mask.</summary>
    internal static bool IsIgnored(string name) =>
        name is "lm_head.weight" or "score.weight" || name.EndsWith(".attn.bias", StringComparison.Ordinal) || name.EndsWith(".attn.masked_bias", StringComparison.Ordinal);

    /// <summary>Whether a row may be missing: that of a head that is to be trained on top of a pre-trained decoder.</summary>
    internal static bool IsOfHead(WeightRow row) => row.Theirs == "score.weight";

    internal static JsonObject ToConfigJson(GptConfig config, ModelHead head = ModelHead.CausalLanguageModel)
    {
        var json = new JsonObject
        {
            ["model_type"] = "gpt2",
            ["architectures"] = new JsonArray(Architectures.First(a => a.Head == head).Architecture),
            ["vocab_size"] = config.VocabSize,
            ["n_positions"] = config.ContextLength,
            ["n_layer"] = config.LayerCount,
            ["n_head"] = config.HeadCount,
            ["n_embd"] = config.EmbeddingDim,
            ["n_inner"] = config.FeedForwardDim == 0 ? null : config.FeedForwardDim,
            ["activation_function"] = "gelu_new",
            ["resid_pdrop"] = config.Dropout,
            ["embd_pdrop"] = config.EmbeddingDropout ?? config.Dropout,
            ["attn_pdrop"] = config.AttentionDropout ?? config.Dropout,
            ["layer_norm_epsilon"] = config.NormEpsilon,
            ["initializer_range"] = config.InitializerRange,
            ["tie_word_embeddings"] = true,
            ["bos_token_id"] = config.BeginId,
            ["eos_token_id"] = TokenIds.ToJson(config.EndIds),
            ["dtype"] = "float32",
        };
        if (config.HeadDim * config.HeadCount != config.EmbeddingDim) json["head_dim"] = config.HeadDim;
        if (config.PaddingId is { } padding) json["pad_token_id"] = padding;
        if (head != ModelHead.SequenceClassification) return json;
        json["num_labels"] = config.LabelCount;
        return json.WithLabels(head, config.Labels, config.Task);
    }

    /// <exception cref="Checkpoints.CheckpointException">The file describes no model that a <see cref="GptModel"/> computes; the message names each reason.</exception>
    internal static GptConfig ToConfig(ConfigReader json)
    {
        const string who = "a GptModel";
        json.Require("model_type", "gpt2", who, "gpt2");
        json.Require("activation_function", "gelu_new", who, "gelu_new", "gelu_pytorch_tanh");
        json.Require("tie_word_embeddings", true, who, true);
        json.Require("scale_attn_weights", true, who, true);
        json.Require("scale_attn_by_inverse_layer_idx", false, who, false);
        json.Require("add_cross_attention", false, who, false);
        double dropout = json.Number("resid_pdrop", 0.1);
        var config = new GptConfig
        {
            VocabSize = json.Whole("vocab_size", 50257),
            ContextLength = json.Whole("n_positions", 1024),
            LayerCount = json.Whole("n_layer", 12),
            HeadCount = json.Whole("n_head", 12),
            EmbeddingDim = json.Whole("n_embd", 768),
            HeadWidth = json.Whole("head_dim", 0),
            FeedForwardDim = json.Whole("n_inner", 0),
            Dropout = dropout,
            EmbeddingDropout = Other("embd_pdrop"),
            AttentionDropout = Other("attn_pdrop"),
            NormEpsilon = json.Number("layer_norm_epsilon", 1e-5),
            InitializerRange = json.Number("initializer_range", 0.02),
            LabelCount = json.Labels(),
            Labels = json.LabelNames(),
            Task = json.Task(),
            BeginId = json.IdOf("bos_token_id", 50256),
            EndIds = json.EndIds([50256]),
            PaddingId = json.Has("pad_token_id") && json.Whole("pad_token_id", 0) is var padding and >= 0 ? padding : null,
        };
        json.Finish(config.Validate);
        return config;

        double? Other(string name) => json.Number(name, 0.1) is var value && value != dropout ? value : null;
    }

    private static IEnumerable<WeightRow> Decoder(GptConfig config)
    {
        long c = config.EmbeddingDim, heads = config.HeadCount * config.HeadDim, inner = config.InnerDim;
        yield return new("token_embedding", "wte.weight", config.VocabSize, c);
        yield return new("position_embedding", "wpe.weight", config.ContextLength, c);
        for (int layer = 0; layer < config.LayerCount; layer++)
        {
            string ours = $"blocks.{layer}.", theirs = $"h.{layer}.";
            IEnumerable<WeightRow> block =
            [
                .. Norm(ours + "attention_norm", theirs + "ln_1", c), .. Map(ours + "qkv", theirs + "attn.c_attn", 3 * heads, c),
                .. Map(ours + "attention_output", theirs + "attn.c_proj", c, heads), .. Norm(ours + "feed_forward_norm", theirs + "ln_2", c),
                .. Map(ours + "feed_forward_input", theirs + "mlp.c_fc", inner, c), .. Map(ours + "feed_forward_output", theirs + "mlp.c_proj", c, inner),
            ];
            foreach (WeightRow row in block) yield return row;
        }
        foreach (WeightRow row in Norm("final_norm", "ln_f", c)) yield return row;
    }

    /// <summary>GPT-2's "Conv1D" keeps its matrix as (inputs, outputs).</summary>
    private static WeightRow[] Map(string ours, string theirs, long outputs, long inputs) =>
        [new(ours + ".weight", theirs + ".weight", outputs, inputs) { Transposed = true }, new(ours + ".bias", theirs + ".bias", outputs)];

    private static WeightRow[] Norm(string ours, string theirs, long width) => [new(ours + ".weight", theirs + ".weight", width), new(ours + ".bias", theirs + ".bias", width)];
}
