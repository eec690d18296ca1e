// O outputs, I inputs, G groups of a row
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Modules.Quantized;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Models;

/// <summary>
/// Weights of NF4 in a checkpoint, as the library bitsandbytes stores them and transformers reads them: two codes a byte, the first in the high half, row after row; the largest weight of each group, in 32 bits or
/// in codes of their own; the tables of both kinds of codes; and the rest as JSON, in bytes.
/// </summary>
internal static class NormalFloatWeights
{
    /// <summary>Its <c>quant_method</c>.</summary>
    internal const string Library = "bitsandbytes";

    private const string Codes = ".quant_map", Scales = ".absmax", NestedScales = ".nested_absmax", NestedCodes = ".nested_quant_map", State = ".quant_state.bitsandbytes__nf4";
    private const string DoubleKey = "bnb_4bit_use_double_quant", SkippedKey = "llm_int8_skip_modules";

    /// <summary>Whether a checkpoint has a weight in this format.</summary>
    internal static bool Has(CheckpointTensors file, string name) => file.Contains(name + State);

    /// <summary>Reads what <c>config.json</c> says.</summary>
    internal static QuantizationConfig ConfigOf(ConfigReader json, ConfigReader config, string who)
    {
        config.Require("load_in_4bit", false, who, true);
        config.Require("bnb_4bit_quant_type", "", who, "nf4");
        config.Require("bnb_4bit_quant_storage", "uint8", who, "uint8");
        QuantizedFormat format = QuantizedFormat.NormalFloat4 with { HasDoubleScales = config.Flag(DoubleKey, false) };
        json.Finish(format.Validate);
        return new(QuantizationScheme.NormalFloat4, format, config.Texts(SkippedKey) ?? []);
    }

    /// <summary>What <c>config.json</c> says.</summary>
    internal static JsonObject ConfigOf(QuantizationConfig config) => new()
    {
        ["quant_method"] = Library,
        ["load_in_4bit"] = true,
        ["load_in_8bit"] = false,
        ["_load_in_4bit"] = true,
        ["_load_in_8bit"] = false,
        ["bnb_4bit_quant_type"] = "nf4",
        [DoubleKey] = config.Format.HasDoubleScales,
        ["bnb_4bit_quant_storage"] = "uint8",
        ["bnb_4bit_compute_dtype"] = "float32",
        [SkippedKey] = new JsonArray([.. config.Ignored.Select(name => JsonValue.Create(name))]),
    };

    /// <summary>The tensors of a map.</summary>
    internal static IEnumerable<(string Name, Tensor Tensor)> Tensors(string name, QuantizedMatrix weight, Tensor codes, Tensor scales)
    {
        Tensor pairs = codes.to(ScalarType.Byte).view(-1, 2);
        yield return (name, (pairs.narrow(1, 0, 1) * 16 + pairs.narrow(1, 1, 1)).to(ScalarType.Byte));
        yield return (name + Codes, tensor(NormalFloat.Values.ToArray()));
        var state = new JsonObject
        {
            ["quant_type"] = "nf4",
            ["blocksize"] = weight.Format.GroupSize,
            ["dtype"] = "float32",
            ["shape"] = new JsonArray(weight.Outputs, weight.Inputs),
        };
        if (weight.ScaleCodes is { } doubles)
        {
            yield return (name + Scales, tensor(doubles.Codes));
            yield return (name + NestedScales, tensor(doubles.Largest));
            yield return (name + NestedCodes, tensor(DoubleScales.Values.ToArray()));
            state["nested_blocksize"] = DoubleScales.Block;
            state["nested_dtype"] = "float32";
            state["nested_offset"] = doubles.Offset;
        }
        else
        {
            yield return (name + Scales, scales.reshape(-1));
        }
        yield return (name + State, tensor(Encoding.UTF8.GetBytes(state.ToJsonString())));
    }

    /// <summary>The shapes that the tensors of a map have in a checkpoint, and the type of those that hold codes.</summary>
    internal static IEnumerable<(string Name, long[] Shape, ScalarType? Codes)> Shapes(CheckpointTensors file, string name, long outputs, long groups, QuantizedFormat format)
    {
        yield return (name, [outputs * groups * format.GroupSize / 2, 1], ScalarType.Byte);
        yield return (name + Codes, [NormalFloat.Values.Length], null);
        yield return (name + Scales, [outputs * groups], format.HasDoubleScales ? ScalarType.Byte : ScalarType.Float32);
        yield return (name + State, file.Contains(name + State) ? file.Info(name + State).Shape.ToArray() : [0], ScalarType.Byte);
        if (!format.HasDoubleScales) yield break;
        yield return (name + NestedScales, [DoubleScales.Blocks(outputs * groups)], ScalarType.Float32);
        yield return (name + NestedCodes, [DoubleScales.Values.Length], null);
    }

    /// <summary>Reads a map, whose tensors have the <see cref="Shapes"/>.</summary>
    internal static QuantizedMatrix Read(CheckpointTensors file, string name, WeightRow row, QuantizedFormat format)
    {
        using DisposeScope scope = NewDisposeScope();
        long outputs = row.Shape[0], inputs = row.Shape[1];
        RequireTable(file, name + Codes, NormalFloat.Values);
        JsonObject state = StateOf(file, name);
        Require("quant_type", "\"nf4\"");
        Require("blocksize", $"{format.GroupSize}");
        Require("shape", $"[{outputs},{inputs}]");
        if (format.HasDoubleScales) Require("nested_blocksize", $"{DoubleScales.Block}");
        byte[] pairs = file.Read(name).data<byte>().ToArray();
        sbyte[] halves = new sbyte[2L * pairs.Length];
        for (long i = 0; i < halves.Length; i++) halves[i] = (sbyte)(i % 2 == 0 ? pairs[i / 2] >> 4 : pairs[i / 2] & 15);
        Tensor codes = tensor(halves, [outputs, inputs]), stored = file.Read(name + Scales);
        DoubleScales? doubles = null;
        if (format.HasDoubleScales)
        {
            RequireTable(file, name + NestedCodes, DoubleScales.Values);
            if (state["nested_offset"] is not JsonValue value || !value.TryGetValue(out float offset)) throw new CheckpointException(file.Path, name + State, "it has no nested_offset.");
            doubles = new(stored.data<byte>().ToArray(), file.Read(name + NestedScales).data<float>().ToArray(), offset);
            stored = zeros([stored.numel()], dtype: ScalarType.Float32);
        }
        var matrix = QuantizedMatrix.Of(codes, stored.view(outputs, -1), null, format, doubles);
        using Tensor values = matrix.Dequantize();
        if (values.isfinite().all().item<bool>()) return matrix;
        matrix.Dispose();
        throw new CheckpointException(file.Path, name + Scales, "it gives values that are not finite.");

        void Require(string key, string known)
        {
            string? value = state[key]?.ToJsonString();
            if (value != known) throw new CheckpointException(file.Path, name + State, $"its {key} is {value ?? "missing"}; {known} is known.");
        }
    }

    private static JsonObject StateOf(CheckpointTensors file, string name)
    {
        try
        {
            return JsonNode.Parse(file.Read(name + State).data<byte>().ToArray()) as JsonObject ?? throw new CheckpointException(file.Path, name + State, "its JSON is not an object.");
        }
        catch (JsonException e)
        {
            throw new CheckpointException(file.Path, name + State, $"it is not valid JSON: {e.Message}");
        }
    }

    private static void RequireTable(CheckpointTensors file, string name, ReadOnlySpan<float> expected)
    {
        float[] table = file.Read(name).to(ScalarType.Float32).data<float>().ToArray();
        for (int i = 0; i < table.Length; i++)
        {
            if (!(Math.Abs(table[i] - expected[i]) <= 1e-6)) throw new CheckpointException(file.Path, name, FormattableString.Invariant($"its value {i} is {table[i]}, and {expected[i]} is known."));
        }
    }
}
