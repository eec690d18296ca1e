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
        return new(wanted, Path.Combine(folder, "config.json")) { HasOtherLabels = options.WriteTo(wanted) };
    }

    /// <summary>Reads a folder's <c>config.json</c>.</summary>
    /// <exception cref="CheckpointException">It is missing or not valid JSON.</exception>
    internal static ConfigReader OfFolder(string folder)
    {
        if (!Directory.Exists(folder)) throw new CheckpointException(folder, "the folder does not exist.");
        string path = Path.Combine(folder, "config.json");
        if (!File.Exists(path)) throw new CheckpointException(path, "missing; a model folder holds config.json and model.safetensors.");
        try
        {
            JsonNode? node = JsonNode.Parse(File.ReadAllText(path), documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false });
            return new(node as JsonObject ?? throw new CheckpointException(path, "its top level is not an object."), path);
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

    /// <summary>The number of classes: <c>num_labels</c>, or as many as <c>id2label</c> names.</summary>
    internal int Labels() => Section("id2label")?.Count ?? Whole("num_labels", 2);

    /// <summary>The names of the classes; null for none, and where they are those that transformers makes up.</summary>
    internal LabelSet? LabelNames()
    {
        try
        {
            return LabelSet.FromConfig(json) is { } labels && labels.Names.Where((name, i) => name != ModelLabels.Unnamed(i)).Any() ? labels : null;
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
    }

    private T Read<T>(string name, T fallback, string wanted)
    {
        if (json[name] is not { } node) return fallback;
        if (node is JsonValue value && value.TryGetValue(out T? result)) return result;
        _faults.Add($"{name} is {node.ToJsonString()}, which is not {wanted}.");
        return fallback;
    }
}
