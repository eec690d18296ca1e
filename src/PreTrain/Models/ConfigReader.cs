using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Data;
using PreTrain.Modules;

namespace PreTrain.Models;

/// <summary>Reads a <c>config.json</c>, and gathers what is wrong with it, so that all is said at once.</summary>
internal sealed class ConfigReader(JsonObject json, string file, List<string> faults)
{
    private readonly List<string> _faults = faults;

    internal ConfigReader(JsonObject json, string file) : this(json, file, [])
    {
    }

    private JsonObject Json => json;

    /// <summary>The folder's <c>generation_config.json</c>, by which transformers' <c>generate</c> goes; null if it has none.</summary>
    private ConfigReader? Generation { get; init; }

    /// <summary>The family's name; empty if there is none.</summary>
    internal string ModelType => json["model_type"] is JsonValue v && v.TryGetValue(out string? type) ? type : "";

    /// <summary>The names of the classes that the checkpoint was saved from.</summary>
    internal IReadOnlyList<string> Architectures =>
        json["architectures"] is JsonArray list ? [.. list.OfType<JsonValue>().Select(v => v.TryGetValue(out string? name) ? name : "")] : [];

    /// <summary>Whether labels are asked for that are not those of the file.</summary>
    internal bool HasOtherLabels { get; private init; }

    /// <summary>Reads a folder's <c>config.json</c>, and puts in what is wanted otherwise.</summary>
    /// <exception cref="CheckpointException">It is missing or not valid JSON.</exception>
    /// <exception cref="ArgumentException">The options do not fit together.</exception>
    internal static ConfigReader OfFolder(string folder, HeadOptions? options)
    {
        ConfigReader reader = OfFolder(folder);
        if (options is null) return reader;
        options.Validate();
        JsonObject wanted = reader.Json.DeepClone().AsObject();
        return new(wanted, Path.Combine(folder, "config.json")) { HasOtherLabels = options.WriteTo(wanted), Generation = reader.Generation };
    }

    /// <summary>Reads a folder's <c>config.json</c>, and its <c>generation_config.json</c> if it has one.</summary>
    /// <exception cref="CheckpointException">The first is missing, or one of them not valid JSON.</exception>
    internal static ConfigReader OfFolder(string folder)
    {
        if (!Directory.Exists(folder)) throw new CheckpointException(folder, "the folder does not exist.");
        string path = Path.Combine(folder, "config.json"), generation = Path.Combine(folder, "generation_config.json");
        if (!File.Exists(path)) throw new CheckpointException(path, "missing; a model folder holds config.json and model.safetensors.");
        return new(Parse(path), path) { Generation = File.Exists(generation) ? new(Parse(generation), generation) : null };
    }

    private static JsonObject Parse(string path)
    {
        try
        {
            JsonNode? node = JsonNode.Parse(File.ReadAllText(path), documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false });
            return node as JsonObject ?? throw new CheckpointException(path, "its top level is not an object.");
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

    /// <summary>The head of the class that the checkpoint was saved from.</summary>
    internal ModelHead HeadOf(IEnumerable<(ModelHead Head, string Architecture)> known, ModelHead fallback) =>
        known.Where(k => Architectures.Contains(k.Architecture) || Architectures.Contains("XLM" + k.Architecture)).Select(k => k.Head).DefaultIfEmpty(fallback).First();

    internal bool Has(string name) => json[name] is not null;

    internal string Text(string name, string fallback) => Read(name, fallback, "a text");

    internal bool Flag(string name, bool fallback) => Read(name, fallback, "true or false");

    internal double Number(string name, double fallback) => Read(name, fallback, "a number");

    internal int Whole(string name, int fallback) => Read(name, fallback, "a whole number of 32 bits");

    /// <summary>A token's id; null where the file says so, or says less than 0.</summary>
    internal int? IdOf(string name, int? fallback) => !Names(name) ? fallback : Has(name) && Whole(name, 0) is var id and >= 0 ? id : null;

    /// <summary>The ids of one token or of several.</summary>
    internal IReadOnlyList<int> IdsOf(string name, IReadOnlyList<int> fallback)
    {
        if (json[name] is not JsonArray list) return !Names(name) ? fallback : IdOf(name, null) is { } id ? [id] : [];
        if (list.All(item => item is JsonValue v && v.TryGetValue(out int _))) return [.. list.Select(item => item!.GetValue<int>()).Where(id => id >= 0)];
        _faults.Add($"{name} is {list.ToJsonString()}, which is not a list of whole numbers of 32 bits.");
        return fallback;
    }

    /// <summary>The tokens of which each ends a text.</summary>
    internal IReadOnlyList<int> EndIds(IReadOnlyList<int> fallback)
    {
        const string name = "eos_token_id";
        bool isElsewhere = Generation is not null && Generation.Names(name);
        return [.. IdsOf(name, isElsewhere ? [] : fallback).Union(Generation?.IdsOf(name, []) ?? [])];
    }

    /// <summary>Which tokens must and must not be written.</summary>
    /// <param name="forcesEnd">Whether the end is forced where nothing says it.</param>
    internal WritingRules Writing(bool forcesEnd)
    {
        const string first = "forced_bos_token_id", last = "forced_eos_token_id", never = "bad_words_ids";
        return new()
        {
            FirstId = Of(first).IdOf(first, null),
            IsEndForced = Of(last).Names(last) ? Of(last).IdsOf(last, []).Count > 0 : forcesEnd,
            Forbidden = Of(never).Sequences(never),
        };

        ConfigReader Of(string name) => Generation is not null && Generation.Names(name) ? Generation : this;
    }

    private IReadOnlyList<IReadOnlyList<int>> Sequences(string name)
    {
        if (json[name] is not { } node) return [];
        if (node is JsonArray list && list.All(item => item is JsonArray ids && ids.All(id => id is JsonValue v && v.TryGetValue(out int _))))
            return [.. list.Select(item => item!.AsArray().Select(id => id!.GetValue<int>()).ToArray())];
        _faults.Add($"{name} is {node.ToJsonString()}, which is not a list of lists of whole numbers of 32 bits.");
        return [];
    }

    /// <summary>A list of texts; null where it is missing.</summary>
    internal string[]? Texts(string name)
    {
        if (json[name] is not { } node) return null;
        if (node is JsonArray list && list.All(item => item is JsonValue v && v.TryGetValue(out string? _))) return [.. list.Select(item => item!.GetValue<string>())];
        _faults.Add($"{name} is {node.ToJsonString()}, which is not a list of texts.");
        return null;
    }

    /// <summary>An activation by its name.</summary>
    internal Activation ActivationOf(string name, string fallback)
    {
        string value = Text(name, fallback);
        if (Activations.OfName(value) is { } activation) return activation;
        _faults.Add($"{name} is '{value}', which is not known.");
        return default;
    }

    /// <summary>Whether the file names it, be it null.</summary>
    internal bool Names(string name) => json.ContainsKey(name);

    /// <summary>A reader of a part of the file, whose faults are gathered here; null where it is missing.</summary>
    internal ConfigReader? In(string name) => json[name] is JsonObject part ? new ConfigReader(part, file, _faults) : null;

    /// <summary>Part of the file, as an object; null where it is missing.</summary>
    internal JsonObject? Section(string name) => json[name] as JsonObject;

    /// <summary>The number of classes: <c>num_labels</c>, or as many as <c>id2label</c> names; where neither is there, what transformers takes for the family.</summary>
    internal int Labels() => Section("id2label")?.Count ?? Whole("num_labels", ModelType == "bart" ? 3 : 2);

    /// <summary>The names of the classes; null for none, and where they are those that transformers makes up.</summary>
    internal LabelSet? LabelNames()
    {
        try
        {
            return LabelSet.FromConfig(json) is { } labels && !ModelLabels.AreUnnamed(labels) ? labels : null;
        }
        catch (ArgumentException e)
        {
            _faults.Add(e.Message);
            return null;
        }
    }

    /// <summary>What a classification tells; null where the file does not say it.</summary>
    internal ClassificationTask? Task()
    {
        if (!Has(ModelLabels.TaskKey)) return null;
        string name = Text(ModelLabels.TaskKey, "");
        if (ModelLabels.TaskOf(name) is { } task) return task;
        _faults.Add($"{ModelLabels.TaskKey} is '{name}', which is not known.");
        return null;
    }

    /// <summary>Requires a value that the model is able to compute.</summary>
    internal void Require<T>(string name, T fallback, string who, params T[] allowed)
    {
        T value = Read(name, fallback, typeof(T) == typeof(string) ? "a text" : "true or false");
        if (!allowed.Contains(value))
            _faults.Add($"{name} is {JsonSerializer.Serialize(value)}; {who} computes {string.Join(" or ", allowed.Select(a => JsonSerializer.Serialize(a)))}.");
    }

    /// <summary>Adds a fault.</summary>
    internal void Fault(string fault) => _faults.Add(fault);

    /// <summary>Ends the reading: checks the configuration too, and throws with all faults.</summary>
    /// <exception cref="CheckpointException">There are faults.</exception>
    internal void Finish(Action validate)
    {
        try
        {
            validate();
        }
        catch (ArgumentException e)
        {
            _faults.Add(e.Message);
        }
        if (_faults.Count > 0) throw new CheckpointException(file, string.Join(" ", _faults));
        Generation?.Finish(() => { });
    }

    private T Read<T>(string name, T fallback, string wanted)
    {
        if (json[name] is not { } node) return fallback;
        if (node is JsonValue value && value.TryGetValue(out T? result)) return result;
        _faults.Add($"{name} is {node.ToJsonString()}, which is not {wanted}.");
        return fallback;
    }
}
