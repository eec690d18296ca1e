using System.Text.Json.Nodes;
using PreTrain.Modules;

namespace PreTrain.Models.T5;

/// <summary>The two-way table between a <see cref="T5Model"/> and a Hugging Face T5 folder.</summary>
internal static class T5Weights
{
    /// <summary>The head of 1.1.</summary>
    internal const string HeadMap = "lm_head", HeadName = HeadMap + ".weight";

    /// <summary>Heads and the class names of transformers.</summary>
    internal static readonly (ModelHead Head, string Architecture)[] Architectures =
        [(ModelHead.SequenceToSequence, "T5ForConditionalGeneration"), (ModelHead.None, "T5EncoderModel")];

    /// <summary>The table for all parameters of a model. A tied head is the token embedding, so it has no row.</summary>
    internal static IEnumerable<WeightRow> Table(T5Config config, ModelHead head)
    {
        IEnumerable<WeightRow> embedding = [new("token_embedding", "shared.weight", config.VocabSize, config.EmbeddingDim) { Aliases = ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"] }];
        foreach (WeightRow row in head != ModelHead.None && config.IsHeadTied ? EncoderWeights.Tied(embedding, "token_embedding", HeadMap) : embedding) yield return row;
        foreach (WeightRow row in Stack(config, "encoder", config.LayerCount, isDecoder: false)) yield return row;
        if (head == ModelHead.None) yield break;
        foreach (WeightRow row in Stack(config, "decoder", config.WrittenLayerCount, isDecoder: true)) yield return row;
        if (!config.IsHeadTied) yield return new("head.weight", HeadName, config.VocabSize, config.EmbeddingDim);
    }

    /// <summary>The tensors of a checkpoint that a model may leave: the decoder where the encoder alone is wanted, a tied head once more, and a table that the first version had too many.</summary>
    internal static bool IsIgnored(string name, ModelHead head) =>
        name is HeadName or "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight" || (head == ModelHead.None && name.StartsWith("decoder.", StringComparison.Ordinal));

    internal static JsonObject ToConfigJson(T5Config config, ModelHead head) => config.Writing.AddTo(new()
    {
        ["model_type"] = "t5",
        ["architectures"] = new JsonArray(Architectures.First(a => a.Head == head).Architecture),
        ["vocab_size"] = config.VocabSize,
        ["num_layers"] = config.LayerCount,
        ["num_decoder_layers"] = config.WrittenLayerCount,
        ["num_heads"] = config.HeadCount,
        ["d_model"] = config.EmbeddingDim,
        ["d_kv"] = config.HeadDim,
        ["d_ff"] = config.FeedForwardDim,
        ["feed_forward_proj"] = config.IsGated ? "gated-" + (config.Activation == Activation.GeluTanh ? "gelu" : Activations.NameOf(config.Activation)) : Activations.NameOf(config.Activation),
        ["relative_attention_num_buckets"] = config.BucketCount,
        ["relative_attention_max_distance"] = config.MaxDistance,
        ["dropout_rate"] = config.Dropout,
        ["layer_norm_epsilon"] = config.NormEpsilon,
        ["initializer_factor"] = config.InitializerFactor,
        ["pad_token_id"] = config.PaddingId,
        ["eos_token_id"] = config.EndId,
        ["decoder_start_token_id"] = config.DecoderStartId,
        ["is_encoder_decoder"] = head != ModelHead.None,
        ["tie_word_embeddings"] = config.IsHeadTied,
        ["scale_decoder_outputs"] = config.IsHeadScaled,
        ["dtype"] = "float32",
    }, config.EndId);

    /// <exception cref="Checkpoints.CheckpointException">The file describes no model that a <see cref="T5Model"/> computes; the message names each reason.</exception>
    internal static T5Config ToConfig(ConfigReader json)
    {
        json.Require("model_type", "t5", "a T5Model", "t5");
        string[] projection = json.Text("feed_forward_proj", "relu").Split('-');
        bool gated = projection.Length == 2 && projection[0] == "gated";
        // The name that 1.1 was published with means the approximation.
        Activation? activation = gated && projection[1] == "gelu" ? Activation.GeluTanh : Activations.OfName(projection[^1]);
        if (activation is null || (projection.Length > 1 && !gated))
            json.Fault($"feed_forward_proj is '{json.Text("feed_forward_proj", "")}'; it must be the name of an activation, or gated- and one.");
        bool tied = json.Flag("tie_word_embeddings", true);
        int layers = json.Whole("num_layers", 6), padding = json.Whole("pad_token_id", 0);
        var config = new T5Config
        {
            VocabSize = json.Whole("vocab_size", 32128),
            LayerCount = layers,
            DecoderLayerCount = json.Whole("num_decoder_layers", layers),
            HeadCount = json.Whole("num_heads", 8),
            EmbeddingDim = json.Whole("d_model", 512),
            HeadDim = json.Whole("d_kv", 64),
            FeedForwardDim = json.Whole("d_ff", 2048),
            Activation = activation ?? default,
            IsGated = gated,
            IsHeadTied = tied,
            IsHeadScaled = json.Flag("scale_decoder_outputs", tied),
            BucketCount = json.Whole("relative_attention_num_buckets", 32),
            MaxDistance = json.Whole("relative_attention_max_distance", 128),
            Dropout = json.Number("dropout_rate", 0.1),
            NormEpsilon = json.Number("layer_norm_epsilon", 1e-6),
            InitializerFactor = json.Number("initializer_factor", 1),
            PaddingId = json.IdOf("pad_token_id", 0),
            EndId = json.IdOf("eos_token_id", 1),
            DecoderStartId = json.Whole("decoder_start_token_id", padding),
            Writing = json.Writing(forcesEnd: false),
        };
        json.Finish(config.Validate);
        return config;
    }

    private static IEnumerable<WeightRow> Stack(T5Config config, string stack, int layers, bool isDecoder)
    {
        long c = config.EmbeddingDim, heads = config.HeadCount * config.HeadDim, inner = config.FeedForwardDim;
        yield return new(stack + "_positions", stack + ".block.0.layer.0.SelfAttention.relative_attention_bias.weight", config.BucketCount, config.HeadCount);
        for (int layer = 0; layer < layers; layer++)
        {
            string ours = $"{stack}_blocks.{layer}.", theirs = $"{stack}.block.{layer}.layer.";
            int last = isDecoder ? 2 : 1;
            IEnumerable<WeightRow> block = Attention(ours, "attention_norm", "", "attention_output", theirs + "0.", "SelfAttention");
            if (isDecoder) block = block.Concat(Attention(ours, "cross_norm", "cross_", "cross_output", theirs + "1.", "EncDecAttention"));
            foreach (WeightRow row in block) yield return row;
            string dense = $"{theirs}{last}.DenseReluDense.";
            yield return new(ours + "feed_forward_norm.weight", $"{theirs}{last}.layer_norm.weight", c);
            if (config.IsGated) yield return new(ours + "gate.weight", dense + "wi_0.weight", inner, c);
            yield return new(ours + "up.weight", dense + (config.IsGated ? "wi_1.weight" : "wi.weight"), inner, c);
            yield return new(ours + "down.weight", dense + "wo.weight", c, inner);
        }
        yield return new(stack + "_norm.weight", stack + ".final_layer_norm.weight", c);

        IEnumerable<WeightRow> Attention(string ours, string norm, string prefix, string output, string theirs, string name) =>
        [
            new(ours + norm + ".weight", theirs + "layer_norm.weight", c),
            new($"{ours}{prefix}query.weight", $"{theirs}{name}.q.weight", heads, c), new($"{ours}{prefix}key.weight", $"{theirs}{name}.k.weight", heads, c),
            new($"{ours}{prefix}value.weight", $"{theirs}{name}.v.weight", heads, c), new($"{ours}{output}.weight", $"{theirs}{name}.o.weight", c, heads),
        ];
    }
}
