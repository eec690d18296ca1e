using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Checkpoints;

namespace PreTrain.Models;

/// <summary>
/// What the library sentence-transformers reads beside a model: <c>modules.json</c>, which lists the model, its pooling and perhaps its normalization, and a file for each.
/// </summary>
internal static class SentenceFolder
{
    private const string ModulesFile = "modules.json", PoolingFolder = "1_Pooling", NormalizeFolder = "2_Normalize", PromptsFile = "config_sentence_transformers.json", Types = "sentence_transformers.models.";

    // The first is written; the others are those of older versions, in the order in which the library looks for them.
    private static readonly string[] s_textFiles =
    [
        "sentence_bert_config.json", "sentence_roberta_config.json", "sentence_distilbert_config.json", "sentence_camembert_config.json", "sentence_albert_config.json", "sentence_xlm-roberta_config.json", "sentence_xlnet_config.json",
    ];

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
        if (options.MaxLength is not null || options.Lowercases) WriteFile(Path.Combine(folder, s_textFiles[0]), new JsonObject { ["max_seq_length"] = options.MaxLength, ["do_lower_case"] = options.Lowercases });
        var prompts = new JsonObject(options.Prompts.Select(prompt => KeyValuePair.Create<string, JsonNode?>(prompt.Key, prompt.Value)));
        WriteFile(Path.Combine(folder, PromptsFile), new JsonObject { ["prompts"] = prompts, ["default_prompt_name"] = options.DefaultPrompt, ["similarity_fn_name"] = "cosine" });
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
        SentenceEncoderOptions options = ReadPrompts(folder, ReadTexts(folder, new() { Normalizes = false }));
        foreach (JsonNode? module in modules)
        {
            string type = Text(module, "type"), place = Text(module, "path");
            CheckpointConverter.RequireWithin(path, place);
            switch (type.Split('.')[^1])
            {
                case "Transformer" when place.Length == 0:
                    break;
                case "Pooling":
                    options = options with { Pooling = PoolingOf(Path.Combine(folder, place, "config.json"), options) };
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

    private static SentencePooling PoolingOf(string path, SentenceEncoderOptions options)
    {
        if (!File.Exists(path)) throw new CheckpointException(path, "missing; modules.json names it.");
        JsonObject config = ReadFile(path) as JsonObject ?? [];
        if (options.DefaultPrompt is { } name && options.Prompts[name].Length > 0 && Flag(path, config, "include_prompt") == false)
            throw new CheckpointException(path, $"it pools without the tokens of the prompt (include_prompt is false), and {PromptsFile} puts the prompt '{name}' before each text, which is not known here.");
        string[] chosen = [.. config.Where(pair => pair.Key.StartsWith("pooling_mode_", StringComparison.Ordinal) && pair.Value is JsonValue value && value.TryGetValue(out bool on) && on).Select(pair => pair.Key)];
        foreach (var (pooling, key) in s_poolings)
            if (chosen is [var one] && one == key) return pooling;
        throw new CheckpointException(path, $"it chooses the poolings {(chosen.Length == 0 ? "none" : string.Join(", ", chosen))}; one of {string.Join(", ", s_poolings.Select(known => known.Key))} must be chosen.");
    }

    /// <summary>How texts are cut, as the first file says that says something.</summary>
    private static SentenceEncoderOptions ReadTexts(string folder, SentenceEncoderOptions options)
    {
        foreach (string path in s_textFiles.Select(name => Path.Combine(folder, name)).Where(File.Exists))
        {
            if (ReadFile(path) is not JsonObject { Count: > 0 } config) continue;
            int? longest = config["max_seq_length"] is JsonValue value && value.TryGetValue(out int length) && length > 0 ? length : null;
            return options with { MaxLength = longest, Lowercases = Flag(path, config, "do_lower_case") ?? false };
        }
        return options;
    }

    /// <summary>The prompts, and which of them stands before each text.</summary>
    private static SentenceEncoderOptions ReadPrompts(string folder, SentenceEncoderOptions options)
    {
        string path = Path.Combine(folder, PromptsFile);
        if (!File.Exists(path) || ReadFile(path) is not JsonObject config) return options;
        var prompts = new Dictionary<string, string>();
        foreach (var (name, text) in config["prompts"] as JsonObject ?? [])
            prompts[name] = text is JsonValue value && value.TryGetValue(out string? prompt) ? prompt : throw new CheckpointException(path, $"the prompt '{name}' is no text.");
        if (prompts.Count > 0) options = options with { Prompts = prompts };
        if (Text(config, "default_prompt_name") is not { Length: > 0 } chosen) return options;
        return prompts.ContainsKey(chosen) ? options with { DefaultPrompt = chosen } : throw new CheckpointException(path, $"its default prompt '{chosen}' is none of its prompts ({string.Join(", ", prompts.Keys)}).");
    }

    private static bool? Flag(string path, JsonObject config, string key)
    {
        if (config[key] is not { } value) return null;
        return value is JsonValue given && given.TryGetValue(out bool flag) ? flag : throw new CheckpointException(path, $"{key} must be true or false, and is {value.ToJsonString()}.");
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
