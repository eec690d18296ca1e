using System.Text.Json.Nodes;
using PreTrain.Modules;

namespace PreTrain.Models.Llama;

/// <summary>The two-way table between a <see cref="LlamaModel"/> and a Hugging Face Llama, Mistral, Qwen2 or Qwen3 folder.</summary>
internal static class LlamaWeights
{
    /// <summary>The map to the scores of the next token.</summary>
    internal const string HeadMap = "lm_head";

    /// <summary>The name of each variant in <c>config.json</c>.</summary>
    internal static readonly (LlamaVariant Variant, string ModelType)[] ModelTypes =
        [(LlamaVariant.Llama, "llama"), (LlamaVariant.Mistral, "mistral"), (LlamaVariant.Qwen2, "qwen2"), (LlamaVariant.Qwen3, "qwen3")];

    /// <summary>Heads and the class names of transformers.</summary>
    internal static (ModelHead Head, string Architecture)[] Architectures(LlamaVariant variant) =>
    [
        (ModelHead.CausalLanguageModel, $"{variant}ForCausalLM"), (ModelHead.SequenceClassification, $"{variant}ForSequenceClassification"), (ModelHead.None, $"{variant}Model"),
    ];

    internal static string ModelType(LlamaVariant variant) => ModelTypes.First(t => t.Variant == variant).ModelType;

    /// <summary>The table for all parameters of a model. A tied head is the token embedding, so it has no row.</summary>
    internal static IEnumerable<WeightRow> Table(LlamaConfig config, ModelHead head)
    {
        // The bare model leaves the prefix out.
        string prefix = head == ModelHead.None ? "" : "model.", other = head == ModelHead.None ? "model." : "";
        IEnumerable<WeightRow> decoder = Decoder(config).Select(row => row with { Theirs = prefix + row.Theirs, Aliases = [other + row.Theirs] });
        bool isTied = head == ModelHead.CausalLanguageModel && config.IsHeadTied;
        foreach (WeightRow row in isTied ? EncoderWeights.Tied(decoder, "token_embedding", HeadMap) : decoder) yield return row;
        if (head == ModelHead.CausalLanguageModel && !isTied) yield return new("head.weight", HeadMap + ".weight", config.VocabSize, config.EmbeddingDim);
        if (head == ModelHead.SequenceClassification) yield return new("classifier.weight", "score.weight", config.LabelCount, config.EmbeddingDim) { IsOfLabels = true };
    }

    /// <summary>The tensors of a checkpoint that a model may leave: another head, a tied head once more, and what older versions wrote.</summary>
    internal static bool IsIgnored(string name) =>
        name is HeadMap + ".weight" or "score.weight" || name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal);

    /// <summary>Whether a row may be missing: that of a head that is to be trained on top of a pre-trained decoder.</summary>
    internal static bool IsOfHead(WeightRow row) => row.Theirs == "score.weight";

    internal static JsonObject ToConfigJson(LlamaConfig config, ModelHead head)
    {
        var rotary = new JsonObject { ["rope_theta"] = config.RotaryBase, ["rope_type"] = config.RotaryScaling switch { null => "default", { Kind: RotaryScalingKind.Linear } => "linear", _ => "llama3" } };
        if (config.RotaryScaling is { } scaling)
        {
            rotary["factor"] = scaling.Factor;
            if (scaling.Kind == RotaryScalingKind.Llama3)
            {
                rotary["low_freq_factor"] = scaling.LowFrequencyFactor;
                rotary["high_freq_factor"] = scaling.HighFrequencyFactor;
                rotary["original_max_position_embeddings"] = scaling.OriginalContextLength;
            }
        }
        var json = new JsonObject
        {
            ["model_type"] = ModelType(config.Variant),
            ["architectures"] = new JsonArray(Architectures(config.Variant).First(a => a.Head == head).Architecture),
            ["vocab_size"] = config.VocabSize,
            ["max_position_embeddings"] = config.ContextLength,
            ["num_hidden_layers"] = config.LayerCount,
            ["num_attention_heads"] = config.HeadCount,
            ["num_key_value_heads"] = config.SharedHeadCount,
            ["hidden_size"] = config.EmbeddingDim,
            ["head_dim"] = config.HeadDim,
            ["intermediate_size"] = config.FeedForwardDim,
            ["hidden_act"] = "silu",
            ["rms_norm_eps"] = config.NormEpsilon,
            ["rope_parameters"] = rotary,
            // As versions of transformers before 5 read it.
            ["rope_theta"] = config.RotaryBase,
            ["attention_bias"] = config.HasAttentionBias,
            ["attention_dropout"] = config.AttentionDropout,
            ["initializer_range"] = config.InitializerRange,
            ["tie_word_embeddings"] = config.IsHeadTied,
            ["pad_token_id"] = config.PaddingId,
            ["bos_token_id"] = config.BeginId,
            ["eos_token_id"] = TokenIds.ToJson(config.EndIds),
            ["num_labels"] = config.LabelCount,
            ["dtype"] = "float32",
        };
        if (config.RotaryScaling is not null)
        {
            JsonNode old = rotary.DeepClone();
            old.AsObject().Remove("rope_theta");
            json["rope_scaling"] = old;
        }
        if (config.Variant != LlamaVariant.Llama) json["sliding_window"] = config.SlidingWindow == 0 ? null : config.SlidingWindow;
        if (config.Variant is LlamaVariant.Qwen2 or LlamaVariant.Qwen3)
        {
            json["use_sliding_window"] = config.SlidingWindow > 0;
            json["max_window_layers"] = 0;
        }
        return json.WithLabels(head, config.Labels, config.Task);
    }

    internal static LlamaConfig ToConfig(ConfigReader json)
    {
        json.Require("model_type", "llama", "a LlamaModel", [.. ModelTypes.Select(t => t.ModelType)]);
        json.Require("hidden_act", "silu", "a LlamaModel", "silu");
        json.Require("mlp_bias", false, "a LlamaModel", false);
        LlamaVariant variant = ModelTypes.FirstOrDefault(t => t.ModelType == json.ModelType).Variant;
        bool isQwen = variant is LlamaVariant.Qwen2 or LlamaVariant.Qwen3;
        int heads = json.Whole("num_attention_heads", 32), layers = json.Whole("num_hidden_layers", 32);
        int context = json.Whole("max_position_embeddings", variant switch { LlamaVariant.Llama => 2048, LlamaVariant.Mistral => 131072, _ => 32768 });
        var (rotaryBase, scaling) = Rotary(json, context);
        var config = new LlamaConfig
        {
            Variant = variant,
            VocabSize = json.Whole("vocab_size", isQwen ? 151936 : 32000),
            ContextLength = context,
            LayerCount = layers,
            HeadCount = heads,
            KeyValueHeadCount = json.Whole("num_key_value_heads", variant == LlamaVariant.Mistral ? 8 : heads),
            EmbeddingDim = json.Whole("hidden_size", 4096),
            HeadWidth = json.Whole("head_dim", variant == LlamaVariant.Qwen3 ? 128 : 0),
            FeedForwardDim = json.Whole("intermediate_size", variant switch { LlamaVariant.Llama => 11008, LlamaVariant.Mistral => 14336, _ => 22016 }),
            NormEpsilon = json.Number("rms_norm_eps", 1e-6),
            RotaryBase = rotaryBase,
            RotaryScaling = scaling,
            SlidingWindow = Window(json, variant, layers),
            // A Mistral has none, whatever is written.
            HasAttentionBias = variant != LlamaVariant.Mistral && json.Flag("attention_bias", false),
            AttentionDropout = json.Number("attention_dropout", 0),
            InitializerRange = json.Number("initializer_range", 0.02),
            IsHeadTied = json.Flag("tie_word_embeddings", false),
            BeginId = json.IdOf("bos_token_id", isQwen ? null : 1),
            EndIds = json.EndIds(isQwen ? [] : [2]),
            PaddingId = json.Has("pad_token_id") && json.Whole("pad_token_id", 0) is var padding and >= 0 ? padding : null,
            LabelCount = json.Labels(),
            Labels = json.LabelNames(),
            Task = json.Task(),
        };
        json.Finish(config.Validate);
        return config;
    }

    /// <summary>Reads how heads are turned, as transformers does: the older name of the section first, and the base beside it where it has none.</summary>
    private static (double Base, RotaryScaling? Scaling) Rotary(ConfigReader json, int contextLength)
    {
        string section = json.Section("rope_scaling") is { Count: > 0 } ? "rope_scaling" : "rope_parameters";
        double fallback = json.Number("rope_theta", 10_000);
        if (json.In(section) is not { } rotary) return (fallback, null);
        if (json.Section(section)!.Any(part => part.Value is JsonObject))
        {
            json.Fault($"{section} differs by the type of layer; a LlamaModel turns heads in the same way in all layers.");
            return (fallback, null);
        }
        return (rotary.Number("rope_theta", fallback), ToScaling(json, rotary, section, contextLength));
    }

    private static RotaryScaling? ToScaling(ConfigReader json, ConfigReader rotary, string section, int contextLength)
    {
        string kind = rotary.Text("rope_type", rotary.Text("type", "default"));
        switch (kind)
        {
            case "default":
                return null;
            case "linear":
                return new RotaryScaling(Needed("factor"));
            case "llama3":
                return new RotaryScaling(Needed("factor"), RotaryScalingKind.Llama3, Needed("low_freq_factor"), Needed("high_freq_factor"),
                    json.Whole("original_max_position_embeddings", rotary.Whole("original_max_position_embeddings", contextLength)));
            default:
                json.Fault($"rope_type is '{kind}'; a LlamaModel computes default, linear and llama3.");
                return null;
        }

        double Needed(string name)
        {
            if (!rotary.Has(name)) json.Fault($"{section} has no {name}, which the rope_type '{kind}' needs.");
            return rotary.Number(name, 1);
        }
    }

    /// <summary>The positions that a token sees in every layer; 0 for all.</summary>
    private static int Window(ConfigReader json, LlamaVariant variant, int layers)
    {
        if (variant == LlamaVariant.Llama) return 0;
        int window = json.Whole("sliding_window", json.Names("sliding_window") ? 0 : 4096);
        if (variant == LlamaVariant.Mistral) return window;
        if (!json.Flag("use_sliding_window", false)) window = 0;
        if (json.Texts("layer_types") is not { } types)
        {
            // From this layer on there are windows.
            int first = json.Whole("max_window_layers", 28);
            if (window == 0 || first >= layers) return 0;
            if (first > 0) json.Fault($"max_window_layers ({first}) leaves the first of {layers} layers without a window; a LlamaModel computes one kind of attention in all layers.");
            return window;
        }
        if (types.Length != layers) json.Fault($"layer_types has {types.Length} layers, and num_hidden_layers is {layers}.");
        switch (types.Distinct().ToArray())
        {
            case ["full_attention"]:
                return 0;
            case ["sliding_attention"]:
                if (window == 0) json.Fault("layer_types has sliding_attention, for which use_sliding_window and sliding_window give no window.");
                return window;
            default:
                json.Fault($"layer_types ({string.Join(", ", types)}) is not full_attention in all layers or sliding_attention in all, which a LlamaModel computes.");
                return 0;
        }
    }

    private static IEnumerable<WeightRow> Decoder(LlamaConfig config)
    {
        long c = config.EmbeddingDim, d = config.HeadDim, q = config.HeadCount * d, kv = config.SharedHeadCount * d, inner = config.FeedForwardDim;
        yield return new("token_embedding", "embed_tokens.weight", config.VocabSize, c);
        for (int layer = 0; layer < config.LayerCount; layer++)
        {
            string ours = $"blocks.{layer}.", theirs = $"layers.{layer}.";
            yield return new(ours + "attention_norm.weight", theirs + "input_layernorm.weight", c);
            foreach (var (mine, other, outputs, inputs, bias) in new[]
            {
                ("query", "self_attn.q_proj", q, c, config.HasInputBias), ("key", "self_attn.k_proj", kv, c, config.HasInputBias), ("value", "self_attn.v_proj", kv, c, config.HasInputBias),
                ("attention_output", "self_attn.o_proj", c, q, config.HasOutputBias), ("gate", "mlp.gate_proj", inner, c, false), ("up", "mlp.up_proj", inner, c, false),
                ("down", "mlp.down_proj", c, inner, false),
            })
            {
                yield return new($"{ours}{mine}.weight", $"{theirs}{other}.weight", outputs, inputs);
                if (bias) yield return new($"{ours}{mine}.bias", $"{theirs}{other}.bias", outputs);
            }
            if (config.HasHeadNorms)
            {
                yield return new(ours + "query_norm.weight", theirs + "self_attn.q_norm.weight", d);
                yield return new(ours + "key_norm.weight", theirs + "self_attn.k_norm.weight", d);
            }
            yield return new(ours + "feed_forward_norm.weight", theirs + "post_attention_layernorm.weight", c);
        }
        yield return new("final_norm.weight", "norm.weight", c);
    }
}
