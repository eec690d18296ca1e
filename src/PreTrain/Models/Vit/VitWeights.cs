using System.Text.Json.Nodes;
using PreTrain.Modules;

namespace PreTrain.Models.Vit;

/// <summary>The two-way table between a <see cref="VitModel"/> and a Hugging Face folder of a ViT or a masked autoencoder.</summary>
internal static class VitWeights
{
    /// <summary>Heads and the class names of transformers.</summary>
    internal static readonly (ModelHead Head, string Architecture)[] Architectures =
    [
        (ModelHead.ImageClassification, "ViTForImageClassification"), (ModelHead.MaskedAutoencoder, "ViTMAEForPreTraining"), (ModelHead.None, "ViTModel"),
    ];

    internal static string ModelType(ModelHead head) => head == ModelHead.MaskedAutoencoder ? "vit_mae" : "vit";

    /// <summary>The table for all parameters of a model.</summary>
    internal static IEnumerable<WeightRow> Table(VitConfig config, ModelHead head, bool pools = true)
    {
        // The bare model leaves the prefix out.
        string prefix = head == ModelHead.None ? "" : "vit.", other = head == ModelHead.None ? "vit." : "";
        foreach (WeightRow row in Encoder(config)) yield return row with { Theirs = prefix + row.Theirs, Aliases = [other + row.Theirs] };
        IEnumerable<WeightRow> rest = head switch
        {
            ModelHead.None when !pools => [],
            ModelHead.None => EncoderWeights.Map("pooler", "pooler.dense", config.EmbeddingDim, config.EmbeddingDim),
            ModelHead.ImageClassification => EncoderWeights.Labels("classifier", "classifier", config.LabelCount, config.EmbeddingDim),
            _ => Decoder(config),
        };
        foreach (WeightRow row in rest) yield return row;
    }

    /// <summary>The tensors of a checkpoint that a model may leave: those of other heads, and the mask token of another way of training.</summary>
    internal static bool IsIgnored(string name) =>
        name.StartsWith("decoder.", StringComparison.Ordinal) || name.StartsWith("classifier.", StringComparison.Ordinal) || name.Contains("pooler.dense.", StringComparison.Ordinal)
        || name.EndsWith("embeddings.mask_token", StringComparison.Ordinal);

    /// <summary>Whether a row may be missing: those of a head that is to be trained on top of a pre-trained encoder.</summary>
    internal static bool IsOfHead(WeightRow row) =>
        row.Ours.StartsWith("pooler.", StringComparison.Ordinal) || row.Ours.StartsWith("classifier.", StringComparison.Ordinal) || row.Theirs.StartsWith("decoder.", StringComparison.Ordinal);

    internal static JsonObject ToConfigJson(VitConfig config, ModelHead head)
    {
        var json = new JsonObject
        {
            ["model_type"] = ModelType(head),
            ["architectures"] = new JsonArray(Architectures.First(a => a.Head == head).Architecture),
            ["image_size"] = config.ImageSize,
            ["patch_size"] = config.PatchSize,
            ["num_channels"] = config.ChannelCount,
            ["num_hidden_layers"] = config.LayerCount,
            ["num_attention_heads"] = config.HeadCount,
            ["hidden_size"] = config.EmbeddingDim,
            ["intermediate_size"] = config.InnerDim,
            ["hidden_act"] = Activations.NameOf(config.Activation),
            ["qkv_bias"] = config.HasAttentionBias,
            ["hidden_dropout_prob"] = config.Dropout,
            ["attention_probs_dropout_prob"] = config.AttentionDropout,
            ["drop_path_rate"] = config.DropPath,
            ["layer_norm_eps"] = config.NormEpsilon,
            ["initializer_range"] = config.InitializerRange,
            ["dtype"] = "float32",
        };
        if (head == ModelHead.MaskedAutoencoder)
        {
            json["mask_ratio"] = config.MaskRatio;
            json["norm_pix_loss"] = config.NormalizesPixels;
            json["decoder_num_hidden_layers"] = config.DecoderLayerCount;
            json["decoder_num_attention_heads"] = config.DecoderHeadCount;
            json["decoder_hidden_size"] = config.DecoderEmbeddingDim;
            json["decoder_intermediate_size"] = config.DecoderInnerDim;
        }
        else
        {
            json["num_labels"] = config.LabelCount;
            json["pooler_act"] = "tanh";
            json.WithLabels(head, config.Labels, config.Task);
        }
        return json;
    }

    /// <exception cref="Checkpoints.CheckpointException">The file describes no model that a <see cref="VitModel"/> computes; the message names each reason.</exception>
    internal static VitConfig ToConfig(ConfigReader json, ModelHead head)
    {
        const string who = "a VitModel";
        json.Require("model_type", "vit", who, "vit", "vit_mae");
        json.Require("pooler_act", "tanh", who, "tanh");
        int width = json.Whole("hidden_size", 768);
        if (json.Whole("pooler_output_size", width) is var pooled && pooled != width)
            json.Fault($"pooler_output_size is {pooled}; {who} pools to hidden_size ({width}).");
        var config = new VitConfig
        {
            ImageSize = json.Whole("image_size", 224),
            PatchSize = json.Whole("patch_size", 16),
            ChannelCount = json.Whole("num_channels", 3),
            LayerCount = json.Whole("num_hidden_layers", 12),
            HeadCount = json.Whole("num_attention_heads", 12),
            EmbeddingDim = width,
            FeedForwardDim = json.Whole("intermediate_size", 3072),
            Activation = json.ActivationOf("hidden_act", "gelu"),
            HasAttentionBias = json.Flag("qkv_bias", true),
            Dropout = json.Number("hidden_dropout_prob", 0),
            AttentionDropout = json.Number("attention_probs_dropout_prob", 0),
            DropPath = json.Number("drop_path_rate", 0),
            NormEpsilon = json.Number("layer_norm_eps", 1e-12),
            InitializerRange = json.Number("initializer_range", 0.02),
            LabelCount = json.Labels(),
            Labels = json.LabelNames(),
            Task = json.Task(),
            MaskRatio = json.Number("mask_ratio", 0.75),
            NormalizesPixels = json.Flag("norm_pix_loss", false),
            DecoderLayerCount = json.Whole("decoder_num_hidden_layers", 8),
            DecoderHeadCount = json.Whole("decoder_num_attention_heads", 16),
            DecoderEmbeddingDim = json.Whole("decoder_hidden_size", 512),
            DecoderFeedForwardDim = json.Whole("decoder_intermediate_size", 2048),
        };
        json.Finish(() => config.Validate(head));
        return config;
    }

    private static IEnumerable<WeightRow> Encoder(VitConfig config)
    {
        long c = config.EmbeddingDim, patches = config.PatchCount, size = config.PatchSize;
        yield return new("class_token", "embeddings.cls_token", 1, c) { KeptAs = [1, 1, c] };
        yield return new("position_embedding", "embeddings.position_embeddings", patches + 1, c) { KeptAs = [1, patches + 1, c] };
        yield return new("patch_map.weight", "embeddings.patch_embeddings.projection.weight", c, config.PatchDim) { KeptAs = [c, config.ChannelCount, size, size] };
        yield return new("patch_map.bias", "embeddings.patch_embeddings.projection.bias", c);
        foreach (WeightRow row in Stack("encoder.", "encoder.layer.", "layernorm", config.LayerCount, c, config.InnerDim, config.HasAttentionBias)) yield return row;
    }

    private static IEnumerable<WeightRow> Decoder(VitConfig config)
    {
        long c = config.DecoderEmbeddingDim, patches = config.PatchCount;
        foreach (WeightRow row in EncoderWeights.Map("decoder_map", "decoder.decoder_embed", c, config.EmbeddingDim)) yield return row;
        yield return new("mask_token", "decoder.mask_token", 1, c) { KeptAs = [1, 1, c] };
        yield return new("decoder_position_embedding", "decoder.decoder_pos_embed", patches + 1, c) { KeptAs = [1, patches + 1, c] };
        foreach (WeightRow row in Stack("decoder.", "decoder.decoder_layers.", "decoder.decoder_norm", config.DecoderLayerCount, c, config.DecoderInnerDim, config.HasAttentionBias)) yield return row;
        foreach (WeightRow row in EncoderWeights.Map("prediction", "decoder.decoder_pred", config.PatchDim, c)) yield return row;
    }

    private static IEnumerable<WeightRow> Stack(string ours, string theirs, string norm, int layers, long c, long inner, bool hasBias)
    {
        for (int layer = 0; layer < layers; layer++)
        {
            string mine = $"{ours}blocks.{layer}.", other = $"{theirs}{layer}.";
            IEnumerable<WeightRow> block =
            [
                .. Norm(mine + "attention_norm", other + "layernorm_before", c), .. Input("query"), .. Input("key"), .. Input("value"),
                .. EncoderWeights.Map(mine + "attention_output", other + "attention.output.dense", c, c), .. Norm(mine + "feed_forward_norm", other + "layernorm_after", c),
                .. EncoderWeights.Map(mine + "feed_forward_input", other + "intermediate.dense", inner, c), .. EncoderWeights.Map(mine + "feed_forward_output", other + "output.dense", c, inner),
            ];
            foreach (WeightRow row in block) yield return row;

            IEnumerable<WeightRow> Input(string name) => EncoderWeights.Map(mine + name, other + "attention.attention." + name, c, c).Take(hasBias ? 2 : 1);
        }
        foreach (WeightRow row in Norm(ours + "final_norm", norm, c)) yield return row;
    }

    private static WeightRow[] Norm(string ours, string theirs, long width) => [new(ours + ".weight", theirs + ".weight", width), new(ours + ".bias", theirs + ".bias", width)];
}
