using System.Text.Json.Nodes;
using PreTrain.Modules.Quantized;

namespace PreTrain.Models;

/// <summary>
/// <c>quantization_config</c> of <c>config.json</c>, in the terms of the library compressed-tensors, which transformers and vLLM read: one group of linear maps, or several that are named, <c>pack-quantized</c> for weights of 4 or
/// 8 bits, <c>int-quantized</c> for activations in 8 too. NF4 is in the terms of the library bitsandbytes.
/// </summary>
/// <param name="Scheme">What the products are of.</param>
/// <param name="Format">How the weights are stored.</param>
/// <param name="Ignored">The maps that have no codes in the checkpoint, by the names that they have in transformers; among them those whose weight is the token embedding.</param>
internal sealed record QuantizationConfig(QuantizationScheme Scheme, QuantizedFormat Format, IReadOnlyList<string> Ignored)
{
    /// <summary>The maps of each group by their names in the checkpoint, where there are several; their scheme and format are in place of the others.</summary>
    internal IReadOnlyList<(QuantizationScheme Scheme, QuantizedFormat Format, IReadOnlyList<string> Maps)> Groups { get; init; } = [];

    /// <summary>Whether the head that is the token embedding is in few bits too, which other readers do not know: its codes are made of the embedding when a folder is read.</summary>
    internal bool HasTiedHead { get; init; }

    /// <summary>With <see cref="QuantizationScheme.Int8Dynamic"/>, whether activations are rounded to codes around 0.</summary>
    internal bool HasSymmetricInputs { get; init; }

    /// <summary>What transformers calls a head that is the token embedding and scores each next token, whatever the family.</summary>
    internal const string TiedHead = "lm_head";

    private const string Key = "quantization_config", TiedHeadKey = "pretrain_tied_head";

    /// <summary>Reads it; null where a model is not quantized.</summary>
    /// <exception cref="Checkpoints.CheckpointException">The model is quantized in a way that is not known; the message names each reason.</exception>
    internal static QuantizationConfig? Of(ConfigReader json)
    {
        if (json.In(Key) is not { } config) return null;
        const string who = "a quantized model";
        bool hasTiedHead = config.Flag(TiedHeadKey, false);
        if (config.Text("quant_method", "") == NormalFloatWeights.Library) return NormalFloatWeights.ConfigOf(json, config, who) with { HasTiedHead = hasTiedHead };
        config.Require("quant_method", "", who, "compressed-tensors");
        config.Require("format", "", who, "pack-quantized", "int-quantized");
        bool isWhole = config.Text("format", "") == "int-quantized";
        if (config.Has("kv_cache_scheme")) json.Fault($"{Key} has a kv_cache_scheme; {who} keeps keys and values whole.");
        if (config.Section("transform_config") is { Count: > 0 }) json.Fault($"{Key} has a transform_config; {who} turns no weights.");
        if (config.In("sparsity_config") is { } sparsity) sparsity.Require("format", "dense", $"{who} with a sparsity_config", "dense");
        ConfigReader? groups = config.In("config_groups");
        if (groups?.In("group_0") is null) json.Fault($"{Key} has no config_groups with a group_0 and its weights.");
        var read = (config.Section("config_groups") ?? []).Where(group => group.Value is JsonObject).Select(group => ReadGroup(json, groups!.In(group.Key)!, isWhole, who)).ToArray();
        json.Finish(() =>
        {
            foreach (var (_, format, _) in read) format.Validate();
        });
        if (read.Length > 1 && read.Any(group => group.Maps.Contains("Linear") || group.Scheme is not (QuantizationScheme.Int8Weights or QuantizationScheme.Int4Weights)))
            json.Fault($"{Key} has several config_groups that do not name their linear maps, or round activations; {who} has one such.");
        if (hasTiedHead && (read.Length > 1 || read[0].Scheme == QuantizationScheme.Int8Static)) json.Fault($"{Key} has {TiedHeadKey} with several config_groups, or with activations on given grids; {who} has it without both.");
        json.Finish(() => { });
        return new(read[0].Scheme, read[0].Format, config.Texts("ignore") ?? [])
        {
            HasTiedHead = hasTiedHead,
            HasSymmetricInputs = read[0].Scheme == QuantizationScheme.Int8Dynamic && groups!.In("group_0")!.In("input_activations")!.Flag("symmetric", true),
            Groups = read.Length > 1 ? read : [],
        };
    }

    /// <summary>What holds for the weight of a map.</summary>
    /// <param name="weight">Its name in the checkpoint.</param>
    internal QuantizationConfig For(string weight)
    {
        foreach (var (scheme, format, maps) in Groups)
        {
            if (maps.Any(map => map + ".weight" == weight)) return this with { Scheme = scheme, Format = format };
        }
        return this;
    }

    private static (QuantizationScheme Scheme, QuantizedFormat Format, IReadOnlyList<string> Maps) ReadGroup(ConfigReader json, ConfigReader group, bool isWhole, string who)
    {
        bool isStatic = false;
        ConfigReader? weights = group.In("weights"), inputs = group.In("input_activations");
        var format = QuantizedFormat.Int8;
        if (weights is null)
        {
            json.Fault($"{Key} has config_groups with a group without weights.");
        }
        else
        {
            weights.Require("type", "int", who, "int");
            weights.Require("num_bits", 8, who, isWhole ? [8] : [4, 8]);
            int bits = weights.Whole("num_bits", 8);
            weights.Require("strategy", "channel", who, bits == 4 ? ["group"] : ["channel", "group", "tensor"]);
            string strategy = weights.Text("strategy", "channel");
            format = new QuantizedFormat { Bits = bits, GroupSize = strategy == "group" ? weights.Whole("group_size", 0) : 0, IsPerTensor = strategy == "tensor", IsSymmetric = weights.Flag("symmetric", true) };
        }
        if (isWhole && inputs is null) json.Fault($"{Key} is int-quantized without input_activations.");
        if (!isWhole && inputs is not null) json.Fault($"{Key} is pack-quantized with input_activations; {who} has them with int-quantized weights.");
        if (group.Has("output_activations")) json.Fault($"{Key} has output_activations; {who} rounds what goes into a map alone.");
        if (inputs is not null)
        {
            inputs.Require("num_bits", 8, who, 8);
            inputs.Require("type", "int", who, "int");
            isStatic = !inputs.Flag("dynamic", false);
            inputs.Require("strategy", "", who, isStatic ? "tensor" : "token");
        }
        QuantizationScheme scheme = isStatic ? QuantizationScheme.Int8Static : isWhole ? QuantizationScheme.Int8Dynamic : format.Bits == 4 ? QuantizationScheme.Int4Weights : QuantizationScheme.Int8Weights;
        return (scheme, format, group.Texts("targets") ?? ["Linear"]);
    }

    /// <summary>Writes it into <c>config.json</c>.</summary>
    internal void AddTo(JsonObject json)
    {
        if (Format.IsNormalFloat)
        {
            json[Key] = WithTiedHead(NormalFloatWeights.ConfigOf(this));
            return;
        }
        bool isWhole = Scheme is QuantizationScheme.Int8Dynamic or QuantizationScheme.Int8Static;
        var groups = Groups.Count > 0 ? Groups : [(Scheme, Format, ["Linear"])];
        json[Key] = WithTiedHead(new JsonObject
        {
            ["quant_method"] = "compressed-tensors",
            ["format"] = isWhole ? "int-quantized" : "pack-quantized",
            ["quantization_status"] = "compressed",
            ["config_groups"] = new JsonObject(groups.Select((group, i) => KeyValuePair.Create($"group_{i}", (JsonNode?)WriteGroup(group.Scheme, group.Format, group.Maps, HasSymmetricInputs)))),
            ["ignore"] = new JsonArray([.. Ignored.Select(name => JsonValue.Create(name))]),
        });
    }

    private JsonObject WithTiedHead(JsonObject json)
    {
        if (HasTiedHead) json[TiedHeadKey] = true;
        return json;
    }

    private static JsonObject WriteGroup(QuantizationScheme scheme, QuantizedFormat format, IReadOnlyList<string> maps, bool hasSymmetricInputs)
    {
        bool isDynamic = scheme == QuantizationScheme.Int8Dynamic, isWhole = isDynamic || scheme == QuantizationScheme.Int8Static;
        return new JsonObject
        {
            ["targets"] = new JsonArray([.. maps.Select(name => JsonValue.Create(name))]),
            ["weights"] = new JsonObject
            {
                ["num_bits"] = format.Bits,
                ["type"] = "int",
                ["symmetric"] = format.IsSymmetric,
                ["strategy"] = format.GroupSize > 0 ? "group" : format.IsPerTensor ? "tensor" : "channel",
                ["group_size"] = format.GroupSize > 0 ? format.GroupSize : null,
                ["dynamic"] = false,
            },
            ["input_activations"] = isWhole ? new JsonObject { ["num_bits"] = 8, ["type"] = "int", ["symmetric"] = isDynamic && hasSymmetricInputs, ["strategy"] = isDynamic ? "token" : "tensor", ["dynamic"] = isDynamic } : null,
            ["output_activations"] = null,
        };
    }
}
