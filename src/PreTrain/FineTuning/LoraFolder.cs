using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using PreTrain.Checkpoints;
using PreTrain.Models;
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>An adapter on disk, in the format of the library PEFT: names of Hugging Face's modules with a prefix, and the options as PEFT calls them.</summary>
internal static class LoraFolder
{
    private static readonly TimeSpan s_patternTime = TimeSpan.FromSeconds(1);   // an expression may backtrack for ever

    /// <summary>What PEFT calls them.</summary>
    internal const string Type = "LORA", HadamardType = "HIRA";

    /// <summary>How the name of A ends.</summary>
    internal static string NameOfA(bool isHadamard) => isHadamard ? ".hira_A" : ".lora_A.weight";

    /// <summary>How the name of B ends.</summary>
    internal static string NameOfB(bool isHadamard) => isHadamard ? ".hira_B" : ".lora_B.weight";

    internal static JsonObject ConfigOf(LoraAdapter adapter)
    {
        Dictionary<string, string> names = AdapterFiles.NamesOf(adapter.Model);
        LoraOptions options = adapter.Options;
        bool transposed = adapter.Model is IWeightNames known && known.Weights.Any(row => row.Transposed);
        JsonArray targets = [.. adapter.Targets.Select(path => JsonValue.Create(AdapterFiles.ModuleOf(names, path)))];
        JsonArray? whole = AdapterFiles.ModulesToSave(names, adapter.Trained);
        if (options.IsHadamard)
        {
            return new JsonObject
            {
                ["peft_type"] = HadamardType,
                ["task_type"] = null,
                ["base_model_name_or_path"] = null,
                ["inference_mode"] = true,
                ["r"] = options.Rank,
                ["hira_dropout"] = options.Dropout,
                ["fan_in_fan_out"] = transposed,
                ["target_modules"] = targets,
                ["modules_to_save"] = whole,
            };
        }
        return new JsonObject
        {
            ["peft_type"] = Type,
            ["task_type"] = null,
            ["base_model_name_or_path"] = null,
            ["inference_mode"] = true,
            ["r"] = options.Rank,
            ["lora_alpha"] = options.Alpha == Math.Floor(options.Alpha) && options.Alpha < 1e9 ? (int)options.Alpha : options.Alpha,
            ["lora_dropout"] = options.Dropout,
            ["use_rslora"] = options.IsRankStabilized,
            ["use_dora"] = options.IsWeightDecomposed,
            ["fan_in_fan_out"] = transposed,
            ["bias"] = "none",
            ["target_modules"] = targets,
            ["modules_to_save"] = whole,
        };
    }

    internal static LoraOptions ReadOptions(string folder, ITransformerModel model)
    {
        var (json, reader, path) = AdapterFiles.ReadConfig(folder);
        reader.Require("peft_type", Type, "a LoraAdapter", Type, HadamardType);
        bool isHadamard = reader.Text("peft_type", Type) == HadamardType;
        reader.Require("bias", "none", "a LoraAdapter", "none");
        RequireKnown(json, reader);
        Dictionary<string, string> names = AdapterFiles.NamesOf(model);
        string[] saved = AdapterFiles.SavedOf(names, reader, folder, AdapterFiles.Prefix), modules = reader.Texts("modules_to_save") ?? [];
        // As PEFT, which adapts nothing inside of what is saved as a whole, however it is named.
        string[] wanted = [.. Targets(json, reader, path, model, names).Where(ours => !modules.Any(module => $".{AdapterFiles.ModuleOf(names, ours)}.".Contains($".{module}.", StringComparison.Ordinal)))];
        // Where PEFT was told to leave some of them out, those are meant that the file holds.
        if (new[] { "layers_to_transform", "exclude_modules" }.Any(key => json[key] is not null))
        {
            HashSet<string> held = AdapterFiles.Names(folder);
            wanted = [.. wanted.Where(ours => held.Contains($"{AdapterFiles.Prefix}{AdapterFiles.ModuleOf(names, ours)}{NameOfA(isHadamard)}"))];
        }
        if (wanted.Length == 0) throw new CheckpointException(path, $"target_modules {json["target_modules"]?.ToJsonString() ?? "(missing)"} name no linear map of this model; the adapter is for another one.");
        var options = new LoraOptions
        {
            Rank = reader.Whole("r", isHadamard ? 32 : 8),
            Alpha = reader.Number("lora_alpha", 8),
            Dropout = reader.Number(isHadamard ? "hira_dropout" : "lora_dropout", 0),
            IsRankStabilized = reader.Flag("use_rslora", false),
            IsWeightDecomposed = reader.Flag("use_dora", false),
            IsHadamard = isHadamard,
            Targets = [.. wanted.Distinct()],
            Trained = saved,
        };
        reader.Finish(options.Validate);
        return options;
    }

    /// <summary>What PEFT knows and would load without a fault as something else.</summary>
    private static void RequireKnown(JsonObject json, ConfigReader reader)
    {
        foreach (string key in new[] { "rank_pattern", "alpha_pattern" })
            if (json[key] is JsonObject { Count: > 0 } pattern) reader.Fault($"{key} ({pattern.ToJsonString()}) is not known: all maps of an adapter have one rank and one scale.");
        foreach (string key in new[] { "alora_invocation_tokens", "trainable_token_indices", "target_parameters" })
            if (json[key] is { } set && set is not JsonArray { Count: 0 } and not JsonObject { Count: 0 }) reader.Fault($"{key} ({set.ToJsonString()}) is not known: it makes of the adapter what is no LoRA of linear maps.");
        if (json["init_lora_weights"] is JsonValue value && value.TryGetValue(out string? start) && (start.StartsWith("pissa", StringComparison.OrdinalIgnoreCase) || start.ToLowerInvariant() is "olora" or "loftq" or "corda" or "lora_ga"))
            reader.Fault($"init_lora_weights ('{start}') changes the weights of the model beneath; let PEFT make an ordinary LoRA of the adapter first.");
    }

    /// <summary>The linear maps that an adapter is for: named by their ends, by a regular expression, or all but those of the output.</summary>
    private static string[] Targets(JsonObject json, ConfigReader reader, string path, ITransformerModel model, Dictionary<string, string> names)
    {
        (string Ours, string Theirs)[] maps = [.. names.Where(n => n.Key.EndsWith(".weight", StringComparison.Ordinal)).Select(n => (n.Key[..^7], n.Value[..^Math.Min(7, n.Value.Length)]))];
        if (json["target_modules"] is not JsonValue one || !one.TryGetValue(out string? pattern))
            return AdapterFiles.MapsOf(names, reader.Texts("target_modules"));
        if (pattern == "all-linear")
        {
            HashSet<string> linear = [.. ((nn.Module)model).named_modules().Where(m => m.module is Projection).Select(m => m.name)];
            return [.. maps.Where(m => linear.Contains(m.Ours) && m.Theirs is not ("classifier" or "score" or "lm_head")).Select(m => m.Ours)];
        }
        try
        {
            var expression = new Regex($"^(?:{pattern})$", RegexOptions.CultureInvariant, s_patternTime);
            return [.. maps.Where(m => expression.IsMatch(m.Theirs)).Select(m => m.Ours)];
        }
        catch (Exception e) when (e is RegexParseException or RegexMatchTimeoutException)
        {
            throw new CheckpointException(path, $"target_modules ('{pattern}') is no regular expression that can be used: {e.Message}", e);
        }
    }
}
