using System.Text.Json.Nodes;
using PreTrain.Modules;

namespace PreTrain.Models.Transformer;

/// <summary>The two-way table between a <see cref="TransformerModel"/> and a Hugging Face Marian folder.</summary>
internal static class TransformerWeights
{
    /// <summary>Heads and the class names of transformers.</summary>
    internal static readonly (ModelHead Head, string Architecture)[] Architectures = [(ModelHead.SequenceToSequence, "MarianMTModel")];

    /// <summary>The table for all parameters of a model. The map to scores is an embedding, so it has no row.</summary>
    internal static IEnumerable<WeightRow> Table(TransformerConfig config)
    {
        IEnumerable<WeightRow> pair = Pair(config).Select(row => row with { Theirs = "model." + row.Theirs, Aliases = [.. row.Aliases.Select(name => "model." + name)] });
        foreach (WeightRow row in EncoderWeights.Tied(pair, config.IsEmbeddingShared ? "token_embedding" : "decoder_embedding", "lm_head")) yield return row;
        yield return new("score_bias", "final_logits_bias", 1, config.WrittenVocabSize) { IsBuffer = true };
    }

    /// <summary>The tensors of a checkpoint that a model may leave: the head once more, and positions, which are computed.</summary>
    internal static bool IsIgnored(string name) => name == "lm_head.weight" || name.EndsWith("coder.embed_positions.weight", StringComparison.Ordinal);

    internal static JsonObject ToConfigJson(TransformerConfig config) => config.Writing.AddTo(new()
    {
        ["model_type"] = "marian",
        ["architectures"] = new JsonArray(Architectures[0].Architecture),
        ["vocab_size"] = config.VocabSize,
        ["decoder_vocab_size"] = config.WrittenVocabSize,
        ["share_encoder_decoder_embeddings"] = config.IsEmbeddingShared,
        ["max_position_embeddings"] = config.ContextLength,
        ["encoder_layers"] = config.LayerCount,
        ["decoder_layers"] = config.WrittenLayerCount,
        ["encoder_attention_heads"] = config.HeadCount,
        ["decoder_attention_heads"] = config.DecoderBlock.HeadCount,
        ["d_model"] = config.EmbeddingDim,
        ["encoder_ffn_dim"] = config.FeedForwardDim,
        ["decoder_ffn_dim"] = config.DecoderBlock.FeedForwardDim,
        ["activation_function"] = Activations.NameOf(config.Activation),
        ["scale_embedding"] = config.IsEmbeddingScaled,
        ["dropout"] = config.Dropout,
        ["attention_dropout"] = config.AttentionDropout,
        ["activation_dropout"] = config.ActivationDropout,
        ["init_std"] = config.InitializerRange,
        ["pad_token_id"] = config.PaddingId,
        ["eos_token_id"] = config.EndId,
        ["decoder_start_token_id"] = config.DecoderStartId,
        ["is_encoder_decoder"] = true,
        ["tie_word_embeddings"] = true,
        ["dtype"] = "float32",
    }, config.EndId);

    /// <exception cref="Checkpoints.CheckpointException">The file describes no model that a <see cref="TransformerModel"/> computes; the message names each reason.</exception>
    internal static TransformerConfig ToConfig(ConfigReader json)
    {
        const string who = "a TransformerModel";
        json.Require("model_type", "marian", who, "marian");
        json.Require("tie_word_embeddings", true, who, true);
        // As the first versions wrote them.
        json.Require("normalize_before", false, who, false);
        json.Require("add_final_layer_norm", false, who, false);
        json.Require("static_position_embeddings", true, who, true);
        json.Require("normalize_embedding", false, who, false);
        foreach (string name in new[] { "encoder_layerdrop", "decoder_layerdrop" })
        {
            if (json.Number(name, 0) is not 0 and var drop) json.Fault($"{name} is {drop}; {who} drops no layers.");
        }
        int words = json.Whole("vocab_size", 58101), padding = json.Whole("pad_token_id", 58100);
        var config = new TransformerConfig
        {
            VocabSize = words,
            DecoderVocabSize = json.Flag("share_encoder_decoder_embeddings", true) ? 0 : json.Whole("decoder_vocab_size", words),
            ContextLength = json.Whole("max_position_embeddings", 1024),
            LayerCount = json.Whole("encoder_layers", 12),
            DecoderLayerCount = json.Whole("decoder_layers", 12),
            HeadCount = json.Whole("encoder_attention_heads", 16),
            DecoderHeadCount = json.Whole("decoder_attention_heads", 16),
            EmbeddingDim = json.Whole("d_model", 1024),
            FeedForwardDim = json.Whole("encoder_ffn_dim", 4096),
            DecoderFeedForwardDim = json.Whole("decoder_ffn_dim", 4096),
            Activation = json.ActivationOf("activation_function", "gelu"),
            IsEmbeddingScaled = json.Flag("scale_embedding", false),
            Dropout = json.Number("dropout", 0.1),
            AttentionDropout = json.Number("attention_dropout", 0),
            ActivationDropout = json.Number("activation_dropout", 0),
            InitializerRange = json.Number("init_std", 0.02),
            PaddingId = json.IdOf("pad_token_id", 58100),
            EndId = json.IdOf("eos_token_id", 0),
            DecoderStartId = json.Whole("decoder_start_token_id", padding),
            Writing = json.Writing(forcesEnd: true),
        };
        json.Finish(config.Validate);
        return config;
    }

    private static IEnumerable<WeightRow> Pair(TransformerConfig config)
    {
        long c = config.EmbeddingDim;
        WeightRow[] embeddings = config.IsEmbeddingShared
            ? [new("token_embedding", "shared.weight", config.VocabSize, c) { Aliases = ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"] }]
            : [new("token_embedding", "encoder.embed_tokens.weight", config.VocabSize, c), new("decoder_embedding", "decoder.embed_tokens.weight", config.DecoderVocabSize, c)];
        return [.. embeddings, .. PostNormWeights.Encoder(config.EncoderBlock, config.LayerCount), .. PostNormWeights.Decoder(config.DecoderBlock, config.WrittenLayerCount)];
    }
}
