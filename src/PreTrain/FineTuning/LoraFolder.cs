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
    internal const string Prefix = "base_model.model.";
    private const string ConfigFile = "adapter_config.json", WeightsFile = "adapter_model.safetensors";
    private static readonly TimeSpan s_patternTime = TimeSpan.FromSeconds(1);   // an expression may backtrack for ever

    /// <summary>The checkpoint's name of each parameter of a model.</summary>
    internal static Dictionary<string, string> NamesOf(ITransformerModel model) => model is IWeightNames known ? known.Weights.ToDictionary(row => row.Ours, row => row.Theirs) : [];

    /// <summary>PEFT's name of a linear map.</summary>
    internal static string ModuleOf(Dictionary<string, string> names, string path)
    {
        string theirs = names.GetValueOrDefault(path + ".weight", path + ".weight");
        return Prefix + theirs[..^".weight".Length];
    }

    internal static JsonObject ConfigOf(LoraAdapter adapter)
    {
        Dictionary<string, string> names = NamesOf(adapter.Model);
        LoraOptions options = adapter.Options;
        return new JsonObject
        {
            ["peft_type"] = "LORA",
            ["task_type"] = null,
            ["base_model_name_or_path"] = null,
            ["inference_mode"] = true,
            ["r"] = options.Rank,
            ["lora_alpha"] = options.Alpha == Math.Floor(options.Alpha) && options.Alpha < 1e9 ? (int)options.Alpha : options.Alpha,
            ["lora_dropout"] = options.Dropout,
            ["use_rslora"] = options.IsRankStabilized,
            ["use_dora"] = options.IsWeightDecomposed,
            ["fan_in_fan_out"] = adapter.Model is IWeightNames known && known.Weights.Any(row => row.Transposed),
            ["bias"] = "none",
            ["target_modules"] = new JsonArray([.. adapter.Targets.Select(path => JsonValue.Create(ModuleOf(names, path)[Prefix.Length..]))]),
            ["modules_to_save"] = ModulesToSave(adapter),
        };
    }

    internal static void Write(LoraAdapter adapter, string folder, IReadOnlyDictionary<string, Tensor>? weights)
    {
        Directory.CreateDirectory(folder);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        SafetensorsWriter.Write(Path.Combine(folder, WeightsFile),
            adapter.Parameters().Select(p => (p.Theirs, (weights?.GetValueOrDefault(p.Ours) ?? p.Value).to(ScalarType.Float32))), new Dictionary<string, string> { ["format"] = "pt" });
        AtomicFile.WriteAllText(Path.Combine(folder, ConfigFile), ConfigOf(adapter).ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
    }

    internal static void Read(LoraAdapter adapter, string folder)
    {
        string path = Path.Combine(folder, WeightsFile);
        using CheckpointTensors file = CheckpointTensors.Open(path);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        var rows = adapter.Parameters().ToDictionary(p => p.Theirs);
        List<string> faults = [.. rows.Keys.Where(name => !file.Contains(name)).Select(name => $"{name} is missing"), .. file.Names.Where(name => !rows.ContainsKey(name)).Select(name => $"{name} is not expected")];
        foreach (var (name, row) in rows)
        {
            if (!file.Contains(name) || file.Info(name).Shape.SequenceEqual(row.Value.shape)) continue;
            faults.Add($"{name} has shape ({string.Join(", ", file.Info(name).Shape.ToArray())}), and the model's is ({string.Join(", ", row.Value.shape)})");
        }
        if (faults.Count > 0) throw new CheckpointException(path, $"the adapter does not fit the model: {string.Join("; ", faults)}.");
        foreach (var (name, row) in rows) file.ReadInto(name, row.Value);
    }

    internal static LoraOptions ReadOptions(string folder, ITransformerModel model)
    {
        string path = Path.Combine(folder, ConfigFile);
        if (!File.Exists(path)) throw new CheckpointException(path, $"missing; the folder of an adapter holds {ConfigFile} and {WeightsFile}.");
        JsonObject json;
        try
        {
            json = JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw new CheckpointException(path, "its top level is not an object.");
        }
        catch (JsonException e)
        {
            throw new CheckpointException(path, $"it is not valid JSON: {e.Message}", e);
        }
        var reader = new ConfigReader(json, path);
        reader.Require("peft_type", "LORA", "a LoraAdapter", "LORA");
        reader.Require("bias", "none", "a LoraAdapter", "none");
        Dictionary<string, string> names = NamesOf(model);
        string[] saved = reader.Texts("modules_to_save") ?? [];
        bool IsSaved(string theirs) => saved.Any(module => $".{theirs}.".Contains($".{module}.", StringComparison.Ordinal));
        string[] wanted = Targets(json, reader, path, model, names, IsSaved);
        if (wanted.Length == 0) throw new CheckpointException(path, $"target_modules {json["target_modules"]?.ToJsonString() ?? "(missing)"} name no linear map of this model; the adapter is for another one.");
        var options = new LoraOptions
        {
            Rank = reader.Whole("r", 8),
            Alpha = reader.Number("lora_alpha", 8),
            Dropout = reader.Number("lora_dropout", 0),
            IsRankStabilized = reader.Flag("use_rslora", false),
            IsWeightDecomposed = reader.Flag("use_dora", false),
            Targets = [.. wanted.Distinct()],
            Trained = [.. names.Where(n => IsSaved(n.Value)).Select(n => n.Key)],
        };
        reader.Finish(options.Validate);
        return options;
    }

    /// <summary>The linear maps that an adapter is for: named by their ends, by a regular expression, or all but those of the output and those that are saved as a whole.</summary>
    private static string[] Targets(JsonObject json, ConfigReader reader, string path, ITransformerModel model, Dictionary<string, string> names, Func<string, bool> isSaved)
    {
        (string Ours, string Theirs)[] maps = [.. names.Where(n => n.Key.EndsWith(".weight", StringComparison.Ordinal)).Select(n => (n.Key[..^7], n.Value[..^Math.Min(7, n.Value.Length)]))];
        if (json["target_modules"] is not JsonValue one || !one.TryGetValue(out string? pattern))
            return [.. reader.Texts("target_modules")?.SelectMany(end => maps.Where(m => m.Theirs == end || m.Theirs.EndsWith("." + end, StringComparison.Ordinal)).Select(m => m.Ours)) ?? []];
        if (pattern == "all-linear")
        {
            HashSet<string> linear = [.. ((nn.Module)model).named_modules().Where(m => m.module is Projection).Select(m => m.name)];
            return [.. maps.Where(m => linear.Contains(m.Ours) && m.Theirs is not ("classifier" or "score" or "lm_head") && !isSaved(m.Theirs)).Select(m => m.Ours)];
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

    /// <summary>The modules whose parameters are saved as a whole.</summary>
    private static JsonArray? ModulesToSave(LoraAdapter adapter)
    {
        string[] modules = [.. adapter.Parameters().Where(p => !p.Ours.Contains(".transform.", StringComparison.Ordinal)).Select(p => p.Theirs[Prefix.Length..p.Theirs.LastIndexOf('.')]).Distinct()];
        return modules.Length == 0 ? null : new JsonArray([.. modules.Select(m => JsonValue.Create(m))]);
    }
}
