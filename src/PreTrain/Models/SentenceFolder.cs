using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Checkpoints;

namespace PreTrain.Models;

/// <summary>
/// What the library sentence-transformers reads beside a model: <c>modules.json</c>, which lists the model, its pooling and perhaps its normalization, and a file for each.
/// </summary>
internal static class SentenceFolder
{
    private const string ModulesFile = "modules.json", PoolingFolder = "1_Pooling", NormalizeFolder = "2_Normalize", LengthFile = "sentence_bert_config.json", Types = "sentence_transformers.models.";

    private static readonly JsonSerializerOptions s_written = new() { WriteIndented = true };

    private static readonly (SentencePooling Pooling, string Key)[] s_poolings =
    [
        (SentencePooling.First, "pooling_mode_cls_token"), (SentencePooling.Mean, "pooling_mode_mean_tokens"), (SentencePooling.Max, "pooling_mode_max_tokens"), (SentencePooling.Last, "pooling_mode_lasttoken"),
    ];

    /// <summary>Writes all files but the model's.</summary>
    internal static void Write(string folder, SentenceEncoderOptions options, int width)
    {
        Directory.CreateDirectory(Path.Combine(folder, PoolingFolder));
        var pooling = new JsonObject { ["word_embedding_dimension"] = width };
        foreach (var (kind, key) in s_poolings) pooling[key] = kind == options.Pooling;
        pooling["pooling_mode_mean_sqrt_len_tokens"] = false;
        pooling["pooling_mode_weightedmean_tokens"] = false;
        pooling["include_prompt"] = true;
        WriteFile(Path.Combine(folder, PoolingFolder, "config.json"), pooling);
        if (options.MaxLength is { } length) WriteFile(Path.Combine(folder, LengthFile), new JsonObject { ["max_seq_length"] = length, ["do_lower_case"] = false });
        WriteFile(Path.Combine(folder, "config_sentence_transformers.json"), new JsonObject { ["prompts"] = new JsonObject(), ["default_prompt_name"] = null, ["similarity_fn_name"] = "cosine" });
        JsonArray modules = [Module(0, "", "Transformer"), Module(1, PoolingFolder, "Pooling")];
        if (options.Normalizes)
        {
            Directory.CreateDirectory(Path.Combine(folder, NormalizeFolder));
            modules.Add((JsonNode)Module(2, NormalizeFolder, "Normalize"));
        }
        WriteFile(Path.Combine(folder, ModulesFile), modules);
    }

    /// <summary>Reads them; null where there are none.</summary>
    internal static SentenceEncoderOptions? Read(string folder)
    {
        string path = Path.Combine(folder, ModulesFile);
        if (!File.Exists(path)) return null;
        if (ReadFile(path) is not JsonArray modules) throw new CheckpointException(path, "its top level is not a list of modules.");
        var options = new SentenceEncoderOptions { Normalizes = false, MaxLength = LengthOf(folder) };
        foreach (JsonNode? module in modules)
        {
            string type = Text(module, "type"), place = Text(module, "path");
            switch (type.Split('.')[^1])
            {
                case "Transformer" when place.Length == 0:
                    break;
                case "Pooling":
                    options = options with { Pooling = PoolingOf(Path.Combine(folder, place, "config.json")) };
                    break;
                case "Normalize":
                    options = options with { Normalizes = true };
                    break;
                default:
                    throw new CheckpointException(path, $"the module '{type}' in '{place}' is not known; known are Transformer in the folder itself, Pooling and Normalize.");
            }
        }
        return options;
    }

    private static SentencePooling PoolingOf(string path)
    {
        if (!File.Exists(path)) throw new CheckpointException(path, "missing; modules.json names it.");
        string[] chosen = [.. (ReadFile(path) as JsonObject ?? []).Where(pair => pair.Key.StartsWith("pooling_mode_", StringComparison.Ordinal) && pair.Value is JsonValue value && value.TryGetValue(out bool on) && on).Select(pair => pair.Key)];
        foreach (var (pooling, key) in s_poolings)
            if (chosen is [var one] && one == key) return pooling;
        throw new CheckpointException(path, $"it chooses the poolings {(chosen.Length == 0 ? "none" : string.Join(", ", chosen))}; one of {string.Join(", ", s_poolings.Select(known => known.Key))} must be chosen.");
    }

    private static int? LengthOf(string folder)
    {
        string path = Path.Combine(folder, LengthFile);
        return File.Exists(path) && (ReadFile(path) as JsonObject)?["max_seq_length"] is JsonValue value && value.TryGetValue(out int length) && length > 0 ? length : null;
    }

    private static JsonObject Module(int index, string path, string type) => new() { ["idx"] = index, ["name"] = $"{index}", ["path"] = path, ["type"] = Types + type };

    private static string Text(JsonNode? module, string key) => module is JsonObject members && members[key] is JsonValue value && value.TryGetValue(out string? text) ? text : "";

    private static void WriteFile(string path, JsonNode content) => AtomicFile.WriteAllText(path, content.ToJsonString(s_written) + "\n");

    private static JsonNode? ReadFile(string path)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(path));
        }
        catch (JsonException e)
        {
            throw new CheckpointException(path, $"it is not valid JSON: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CheckpointException.Unreadable(path, e);
        }
    }
}
