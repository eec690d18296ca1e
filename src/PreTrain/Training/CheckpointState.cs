using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Optimization;
using PreTrain.Torch;

namespace PreTrain.Training;

/// <summary>What <c>state.json</c> of a checkpoint holds: all of a run but its tensors.</summary>
internal sealed record CheckpointState
{
    internal const string FileName = "state.json";
    private const int Version = 1, ShownLength = 200;
    private const string Frozen = "frozen";
    private static readonly string[] s_streams = ["init", "data", "mask", "dropout"];

    /// <summary>Updates so far.</summary>
    public required int Step { get; init; }

    /// <summary>Targets so far.</summary>
    public required long Tokens { get; init; }

    /// <summary>Where the batch source stands.</summary>
    public required JsonObject Data { get; init; }

    /// <summary>What must be equal for a run to be resumed: architecture, objective, tokenizer, seed, streams, batch, precision.</summary>
    public required JsonObject Identity { get; init; }

    /// <summary>What may differ, and is worth a message then: steps, learning rates, constants of the optimizer.</summary>
    public required JsonObject Settings { get; init; }

    /// <summary>The losses of the last steps, the newest last.</summary>
    public required IReadOnlyList<double> RecentLosses { get; init; }

    /// <summary>By name, the states of all that a run may have: reduction on plateaus, faults, loss scale and so on.</summary>
    public required IReadOnlyDictionary<string, JsonObject> Parts { get; init; }

    internal static JsonObject IdentityOf(TrainingOptions options, JsonObject architecture, JsonObject objective, int processes, IReadOnlyList<string> frozen)
    {
        var streams = new RandomStreams(options.Seed);
        var identity = new JsonObject
        {
            ["architecture"] = architecture,
            ["objective"] = objective,
            ["tokenizer"] = options.Tokenizer?.Fingerprint,
            ["seed"] = options.Seed,
            ["streams"] = new JsonObject(s_streams.Select(name => KeyValuePair.Create(name, (JsonNode?)streams.SeedOf(name)))),
            ["batchSize"] = (long)options.BatchSize * processes,   // of all together: how many they are may change
            ["accumulationSteps"] = options.AccumulationSteps,
            ["precision"] = options.Precision.ToString(),
        };
        // What has a state of its own; the usual is not named, as it never was.
        if (options.EffectiveOptimizer is var optimizer and not AdamWOptions) identity["optimizer"] = optimizer.Name;
        if (options.Average is { } average) identity["average"] = average.Kind.ToString();
        if (frozen.Count > 0) identity[Frozen] = new JsonArray([.. frozen.Select(name => (JsonNode)name)]);   // the optimizer has no state for them
        return identity;
    }

    /// <summary>What must be equal for a run to go on from here, and is not.</summary>
    internal List<string> DifferencesOf(JsonObject identity)
    {
        // Former versions told what is frozen among the settings alone, by its patterns.
        if (Identity[Frozen] is null && Settings["update"] is JsonObject update && update.Any(rule => rule.Value?.ToString().EndsWith(UpdateOptions.FrozenMark, StringComparison.Ordinal) == true))
        {
            identity = identity.DeepClone().AsObject();
            identity.Remove(Frozen);
        }
        return Differences(Identity, identity);
    }

    internal static JsonObject SettingsOf(TrainingOptions options)
    {
        JsonObject settings = UsualSettingsOf(options);
        if (options.Optimizer is not null) settings["optimizer"] = options.Optimizer.Describe();
        if (options.Update.Describe() is { Count: > 0 } update) settings["update"] = update;
        if (options.HasOwnSchedule) settings["schedule"] = options.Schedule.ToString();
        if (options.Plateau is not null) settings["plateau"] = options.Plateau.ToString();
        if (options.Average is not null) settings["average"] = options.Average.ToString();
        if (options.Faults != new FaultOptions()) settings["faults"] = options.Faults.ToString();
        if (options.EarlyStopping is not null) settings["earlyStopping"] = options.EarlyStopping.ToString();
        if (options.SavedModel != SavedModel.Last) settings["savedModel"] = options.SavedModel.ToString();
        var callbacks = new JsonArray([.. options.Callbacks.Select(callback => (callback.GetType().Name, What: callback.Describe())).Where(c => c.What is not null)
            .Select(c => new JsonObject { [c.Name] = c.What })]);
        if (callbacks.Count > 0) settings["callbacks"] = callbacks;
        if (options.MicroBatchSize is not null) settings["microBatchSize"] = options.MicroBatchSize;
        if (options.Deterministic) settings["threads"] = TorchSharp.torch.get_num_threads();   // sums over threads are grouped by their number
        return settings;
    }

    private static JsonObject UsualSettingsOf(TrainingOptions options) => new()
    {
        ["steps"] = options.Steps,
        ["learningRate"] = options.LearningRate,
        ["minimumLearningRate"] = options.Schedule.Minimum,
        ["warmupSteps"] = options.Schedule.WarmupSteps,
        ["learningRateDecay"] = options.LearningRateDecay.ToString(),
        ["weightDecay"] = options.WeightDecay,
        ["beta1"] = options.Beta1,
        ["beta2"] = options.Beta2,
        ["epsilon"] = options.Epsilon,
        ["clipNorm"] = options.ClipNorm,
    };

    /// <summary>The entries in which two objects differ, as <c>name (checkpoint: x, now: y)</c>. One that is null is the same as one that is not there, as in settings that later versions add.</summary>
    internal static List<string> Differences(JsonObject checkpoint, JsonObject now, string what = "checkpoint")
    {
        Dictionary<string, string> then = Flatten(checkpoint), current = Flatten(now);
        return [.. then.Keys.Union(current.Keys).Where(key => then.GetValueOrDefault(key) != current.GetValueOrDefault(key))
            .Select(key => $"{key} ({what}: {Shown(then.GetValueOrDefault(key), current.GetValueOrDefault(key))}, now: {Shown(current.GetValueOrDefault(key), then.GetValueOrDefault(key))})")];
    }

    /// <summary>A value; of a long one the part where it begins to differ from another.</summary>
    private static string Shown(string? value, string? other)
    {
        if (value is null) return "missing";
        if (value.Length <= ShownLength) return value;
        int start = Math.Clamp(value.AsSpan().CommonPrefixLength(other) - ShownLength / 4, 0, value.Length - ShownLength), end = start + ShownLength;
        return $"{(start > 0 ? "…" : "")}{value.AsSpan(start, ShownLength)}{(end < value.Length ? "…" : "")}";
    }

    internal void Save(string folder)
    {
        var json = new JsonObject
        {
            ["version"] = Version,
            ["step"] = Step,
            ["tokens"] = Tokens,
            ["data"] = Data.DeepClone(),
            ["identity"] = Identity.DeepClone(),
            ["settings"] = Settings.DeepClone(),
            ["recentLosses"] = new JsonArray([.. RecentLosses.Select(loss => (JsonNode)loss)]),
        };
        foreach (var (name, part) in Parts) json[name] = part.DeepClone();
        AtomicFile.WriteAllText(Path.Combine(folder, FileName), json.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
    }

    /// <exception cref="CheckpointException">The file is missing or damaged.</exception>
    internal static CheckpointState Load(string folder)
    {
        string path = Path.Combine(folder, FileName);
        try
        {
            JsonObject json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
            int version = json["version"]!.GetValue<int>();
            if (version != Version) throw new CheckpointException(path, $"it has the version {version}; this program knows version {Version}.");
            return new CheckpointState
            {
                Step = json["step"]!.GetValue<int>(),
                Tokens = json["tokens"]!.GetValue<long>(),
                Data = json["data"]!.AsObject(),
                Identity = json["identity"]!.AsObject(),
                Settings = json["settings"]!.AsObject(),
                RecentLosses = [.. json["recentLosses"]!.AsArray().Select(loss => loss!.GetValue<double>())],
                Parts = json.Where(entry => entry.Value is JsonObject && entry.Key is not ("data" or "identity" or "settings")).ToDictionary(entry => entry.Key, entry => entry.Value!.AsObject()),
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CheckpointException.Unreadable(path, e);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or NullReferenceException)
        {
            throw new CheckpointException(path, $"it is damaged: {e.Message}", e);
        }
    }

    private static Dictionary<string, string> Flatten(JsonObject json)
    {
        var flat = new Dictionary<string, string>();
        Add("", JsonNode.Parse(json.ToJsonString()));   // numbers as they would stand in a file
        return flat;

        void Add(string name, JsonNode? node)
        {
            if (node is JsonObject inner)
            {
                foreach (var (key, value) in inner) Add(name.Length == 0 ? key : $"{name}.{key}", value);
                return;
            }
            if (node is not null) flat[name] = node.ToJsonString();
        }
    }
}
