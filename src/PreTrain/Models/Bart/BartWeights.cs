using System.Text.Json.Nodes;
using PreTrain.Modules;

namespace PreTrain.Models.Bart;

/// <summary>The two-way table between a <see cref="BartModel"/> and a Hugging Face BART folder.</summary>
internal static class BartWeights
{
    /// <summary>Heads and the class names of transformers.</summary>
    internal static readonly (ModelHead Head, string Architecture)[] Architectures =
        [(ModelHead.SequenceToSequence, "BartForConditionalGeneration"), (ModelHead.SequenceClassification, "BartForSequenceClassification")];

    /// <summary>The table for all parameters of a model. The map to scores is the token embedding, so it has no row.</summary>
    internal static IEnumerable<WeightRow> Table(BartConfig config, ModelHead head)
    {
        long c = config.EmbeddingDim;
        IEnumerable<WeightRow> pair = Pair(config).Select(row => row with { Theirs = "model." + row.Theirs, Aliases = [.. row.Aliases.Select(name => "model." + name), row.Theirs, .. row.Aliases] });
        foreach (WeightRow row in head == ModelHead.SequenceToSequence ? EncoderWeights.Tied(pair, "token_embedding", "lm_head") : pair) yield return row;
        if (head == ModelHead.SequenceToSequence)
        {
            yield return new("score_bias", "final_logits_bias", 1, config.VocabSize) { IsBuffer = true };
            yield break;
        }
        foreach (WeightRow row in EncoderWeights.Map("classifier.hidden", "classification_head.dense", c, c)) yield return row;
        foreach (WeightRow row in EncoderWeights.Labels("classifier.output", "classification_head.out_proj", config.LabelCount, c)) yield return row;
    }

    /// <summary>The tensors of a checkpoint that a model may leave: those of another head, and what older versions wrote.</summary>
    internal static bool IsIgnored(string name) =>
        name is "lm_head.weight" or "final_logits_bias" || name.StartsWith("classification_head.", StringComparison.Ordinal) || name.EndsWith("coder.version", StringComparison.Ordinal);

    /// <summary>Whether a row may be missing: those of a head that is to be trained, and the bias of scores, which is zero in most models.</summary>
    internal static bool IsOfHead(WeightRow row) => row.IsBuffer || row.Ours.StartsWith("classifier.", StringComparison.Ordinal);

    internal static JsonObject ToConfigJson(BartConfig config, ModelHead head) => config.Writing.AddTo(new JsonObject
    {
        ["model_type"] = "bart",
        ["architectures"] = new JsonArray(Architectures.First(a => a.Head == head).Architecture),
        ["vocab_size"] = config.VocabSize,
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
        ["classifier_dropout"] = config.ClassifierDropout,
        ["init_std"] = config.InitializerRange,
        ["pad_token_id"] = config.PaddingId,
        ["eos_token_id"] = config.EndId,
        ["decoder_start_token_id"] = config.DecoderStartId,
        ["num_labels"] = config.LabelCount,
        ["is_encoder_decoder"] = true,
        ["tie_word_embeddings"] = true,
        ["dtype"] = "float32",
    }, config.EndId).WithLabels(head, config.Labels, config.Task);

    /// <exception cref="Checkpoints.CheckpointException">The file describes no model that a <see cref="BartModel"/> computes; the message names each reason.</exception>
    internal static BartConfig ToConfig(ConfigReader json)
    {
        const string who = "a BartModel";
        json.Require("model_type", "bart", who, "bart");
        json.Require("tie_word_embeddings", true, who, true);
        // As the first versions wrote them, for variants that were never published under this name.
        json.Require("normalize_before", false, who, false);
        json.Require("add_final_layer_norm", false, who, false);
        json.Require("static_position_embeddings", false, who, false);
        json.Require("normalize_embedding", true, who, true);
        foreach (string name in new[] { "encoder_layerdrop", "decoder_layerdrop" })
        {
            if (json.Number(name, 0) is not 0 and var drop) json.Fault($"{name} is {drop}; {who} drops no layers.");
        }
        var config = new BartConfig
        {
            VocabSize = json.Whole("vocab_size", 50265),
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
            ClassifierDropout = json.Has("classifier_dropout") ? json.Number("classifier_dropout", 0) : json.Number("classif_dropout", 0),
            InitializerRange = json.Number("init_std", 0.02),
            LabelCount = json.Labels(),
            Labels = json.LabelNames(),
            Task = json.Task(),
            PaddingId = json.IdOf("pad_token_id", 1),
            EndId = json.IdOf("eos_token_id", 2),
            DecoderStartId = json.Whole("decoder_start_token_id", 2),
            Writing = json.Writing(forcesEnd: true),
        };
        json.Finish(config.Validate);
        return config;
    }

    private static IEnumerable<WeightRow> Pair(BartConfig config)
    {
        long c = config.EmbeddingDim, positions = config.ContextLength + BartModel.PositionOffset;
        return
        [
            new("token_embedding", "shared.weight", config.VocabSize, c) { Aliases = ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"] },
            new("encoder_positions", "encoder.embed_positions.weight", positions, c), new("decoder_positions", "decoder.embed_positions.weight", positions, c),
            .. PostNormWeights.Norm("encoder_norm", "encoder.layernorm_embedding", c), .. PostNormWeights.Norm("decoder_norm", "decoder.layernorm_embedding", c),
            .. PostNormWeights.Encoder(config.EncoderBlock, config.LayerCount), .. PostNormWeights.Decoder(config.DecoderBlock, config.WrittenLayerCount),
        ];
    }
}
