using System.Text.Json.Nodes;
using PreTrain.Modules.Quantized;

namespace PreTrain.Models;

/// <summary>
/// <c>quantization_config</c> of <c>config.json</c>, in the terms of the library compressed-tensors, which transformers and vLLM read: one group of linear maps, <c>pack-quantized</c> for weights of 4 or
/// 8 bits, <c>int-quantized</c> for activations in 8 too. NF4 is in the terms of the library bitsandbytes.
/// </summary>
/// <param name="Scheme">What the products are of.</param>
/// <param name="Format">How the weights are stored.</param>
/// <param name="Ignored">The maps that are as they were, by their names in the checkpoint; among them <see cref="TiedHead"/> where that is.</param>
internal sealed record QuantizationConfig(QuantizationScheme Scheme, QuantizedFormat Format, IReadOnlyList<string> Ignored)
{
    /// <summary>What the head is called, whatever the family.</summary>
    internal const string TiedHead = "lm_head";

    private const string Key = "quantization_config";

    /// <summary>Reads it; null where a model is not quantized.</summary>
    /// <exception cref="Checkpoints.CheckpointException">The model is quantized in a way that is not known; the message names each reason.</exception>
    internal static QuantizationConfig? Of(ConfigReader json)
    {
        if (json.In(Key) is not { } config) return null;
        const string who = "a quantized model";
        if (config.Text("quant_method", "") == NormalFloatWeights.Library) return NormalFloatWeights.ConfigOf(json, config, who);
        config.Require("quant_method", "", who, "compressed-tensors");
        config.Require("format", "", who, "pack-quantized", "int-quantized");
        bool isWhole = config.Text("format", "") == "int-quantized", isStatic = false;
        ConfigReader? group = config.In("config_groups")?.In("group_0"), weights = group?.In("weights"), inputs = group?.In("input_activations");
        var format = QuantizedFormat.Int8;
        if (weights is null)
        {
            json.Fault($"{Key} has no config_groups with a group_0 and its weights.");
        }
        else
        {
            if (config.Section("config_groups")!.Count > 1) json.Fault($"{Key} has several config_groups; {who} has one.");
            weights.Require("type", "int", who, "int");
            weights.Require("num_bits", 8, who, isWhole ? [8] : [4, 8]);
            int bits = weights.Whole("num_bits", 8);
            weights.Require("strategy", "channel", who, bits == 4 ? ["group"] : ["channel", "group", "tensor"]);
            string strategy = weights.Text("strategy", "channel");
            format = new QuantizedFormat { Bits = bits, GroupSize = strategy == "group" ? weights.Whole("group_size", 0) : 0, IsPerTensor = strategy == "tensor", IsSymmetric = weights.Flag("symmetric", true) };
        }
        if (isWhole && inputs is null) json.Fault($"{Key} is int-quantized without input_activations.");
        if (!isWhole && inputs is not null) json.Fault($"{Key} is pack-quantized with input_activations; {who} has them with int-quantized weights.");
        if (inputs is not null)
        {
            inputs.Require("num_bits", 8, who, 8);
            inputs.Require("type", "int", who, "int");
            isStatic = !inputs.Flag("dynamic", false);
            inputs.Require("strategy", "", who, isStatic ? "tensor" : "token");
        }
        json.Finish(format.Validate);
        QuantizationScheme scheme = isStatic ? QuantizationScheme.Int8Static : isWhole ? QuantizationScheme.Int8Dynamic : format.Bits == 4 ? QuantizationScheme.Int4Weights : QuantizationScheme.Int8Weights;
        return new(scheme, format, config.Texts("ignore") ?? []);
    }

    /// <summary>Writes it into <c>config.json</c>.</summary>
    internal void AddTo(JsonObject json)
    {
        if (Format.IsNormalFloat)
        {
            json[Key] = NormalFloatWeights.ConfigOf(this);
            return;
        }
        bool isDynamic = Scheme == QuantizationScheme.Int8Dynamic, isWhole = isDynamic || Scheme == QuantizationScheme.Int8Static;
        json[Key] = new JsonObject
        {
            ["quant_method"] = "compressed-tensors",
            ["format"] = isWhole ? "int-quantized" : "pack-quantized",
            ["quantization_status"] = "compressed",
            ["config_groups"] = new JsonObject
            {
                ["group_0"] = new JsonObject
                {
                    ["targets"] = new JsonArray("Linear"),
                    ["weights"] = new JsonObject
                    {
                        ["num_bits"] = Format.Bits,
                        ["type"] = "int",
                        ["symmetric"] = Format.IsSymmetric,
                        ["strategy"] = Format.GroupSize > 0 ? "group" : Format.IsPerTensor ? "tensor" : "channel",
                        ["group_size"] = Format.GroupSize > 0 ? Format.GroupSize : null,
                        ["dynamic"] = false,
                    },
                    ["input_activations"] = isWhole ? new JsonObject { ["num_bits"] = 8, ["type"] = "int", ["symmetric"] = false, ["strategy"] = isDynamic ? "token" : "tensor", ["dynamic"] = isDynamic } : null,
                    ["output_activations"] = null,
                },
            },
            ["ignore"] = new JsonArray([.. Ignored.Select(name => JsonValue.Create(name))]),
        };
    }
}
