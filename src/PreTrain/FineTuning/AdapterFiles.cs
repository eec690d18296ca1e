using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Models;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>The two files of an adapter, as the library PEFT names them.</summary>
internal static class AdapterFiles
{
    /// <summary>What PEFT puts before the names of an adapter's tensors, and of those of virtual tokens.</summary>
    internal const string Prefix = "base_model.model.", PromptPrefix = "base_model.";
    /// <summary>What an adapter's identity calls the weights beneath.</summary>
    internal const string BaseName = "baseSha256";

    private static readonly string[] s_partNames = [LoraFolder.NameOfA(false), LoraFolder.NameOfB(false), LoraFolder.NameOfA(true), LoraFolder.NameOfB(true), ".ia3_l"];

    private const string ConfigFile = "adapter_config.json", WeightsFile = "adapter_model.safetensors", BaseKey = "base_sha256";

    /// <summary>The checkpoint's name of each parameter of a model.</summary>
    internal static Dictionary<string, string> NamesOf(ITransformerModel model) => model is IWeightNames known ? known.Weights.ToDictionary(row => row.Ours, row => row.Theirs) : [];

    /// <summary>The checkpoint's name of a linear map.</summary>
    internal static string ModuleOf(Dictionary<string, string> names, string path)
    {
        string theirs = names.GetValueOrDefault(path + ".weight", path + ".weight");
        return theirs[..^".weight".Length];
    }

    /// <summary>The linear maps that a list of module names means: each by its end, as PEFT reads it.</summary>
    internal static string[] MapsOf(Dictionary<string, string> names, IEnumerable<string>? modules) =>
        [.. (modules ?? []).SelectMany(end => names.Where(n => n.Key.EndsWith(".weight", StringComparison.Ordinal)).Select(n => (Ours: n.Key[..^7], Theirs: n.Value[..^Math.Min(7, n.Value.Length)]))
            .Where(m => m.Theirs == end || m.Theirs.EndsWith("." + end, StringComparison.Ordinal)).Select(m => m.Ours)).Distinct()];

    /// <summary>The parameters, by our names, that <c>modules_to_save</c> means: of those modules what the file holds, or all where it holds nothing of one, so that this is told.</summary>
    internal static string[] SavedOf(Dictionary<string, string> names, ConfigReader reader, string folder, string prefix)
    {
        string[] saved = reader.Texts("modules_to_save") ?? [];
        if (saved.Length == 0) return [];
        HashSet<string> held = [.. WholeNames(folder)];
        return [.. saved.SelectMany(module =>
        {
            KeyValuePair<string, string>[] all = [.. names.Where(n => $".{n.Value}.".Contains($".{module}.", StringComparison.Ordinal))], there = [.. all.Where(n => held.Contains(prefix + n.Value))];
            return there.Length > 0 ? there : all;
        }).Select(n => n.Key).Distinct()];
    }

    /// <summary>What <c>modules_to_save</c> says of parameters that are trained as a whole; null where none are.</summary>
    internal static JsonArray? ModulesToSave(Dictionary<string, string> names, IEnumerable<string> trained)
    {
        string[] modules = [.. trained.Select(path => names.GetValueOrDefault(path, path)).Select(theirs => theirs[..Math.Max(0, theirs.LastIndexOf('.'))]).Distinct()];
        return modules.Length == 0 ? null : new JsonArray([.. modules.Select(m => JsonValue.Create(m))]);
    }

    /// <summary>The tensors of parameters that are trained as a whole, as the model's checkpoints have them.</summary>
    internal static IEnumerable<AdapterTensor> Whole(ITransformerModel model, IReadOnlyDictionary<string, Parameter> trained, string prefix)
    {
        Dictionary<string, WeightRow> rows = model is IWeightNames known ? known.Weights.ToDictionary(row => row.Ours) : [];
        return trained.Select(t => rows.GetValueOrDefault(t.Key) is { } row ? AdapterTensor.Of(t.Key, prefix + row.Theirs, t.Value, row.StoredShape, row.Transposed) : AdapterTensor.Of(t.Key, prefix + t.Key, t.Value));
    }

    /// <summary>Writes both.</summary>
    /// <param name="folder">The adapter's folder.</param>
    /// <param name="config">Its configuration.</param>
    /// <param name="tensors">What is trained.</param>
    /// <param name="weights">Values by parameter name that are written in place of the parameters'.</param>
    /// <param name="baseFingerprint">What tells the weights apart that it was trained beside; it stands in the file's metadata.</param>
    internal static void Write(string folder, JsonObject config, IEnumerable<AdapterTensor> tensors, IReadOnlyDictionary<string, Tensor>? weights, string? baseFingerprint)
    {
        Directory.CreateDirectory(folder);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        var metadata = new Dictionary<string, string> { ["format"] = "pt" };
        if (baseFingerprint is not null) metadata[BaseKey] = baseFingerprint;
        SafetensorsWriter.Write(Path.Combine(folder, WeightsFile), tensors.Select(t => (t.Name, t.Get(weights).to(ScalarType.Float32))), metadata);
        AtomicFile.WriteAllText(Path.Combine(folder, ConfigFile), config.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
    }

    /// <summary>What tells the weights apart that an adapter was trained beside; null where its file does not say it.</summary>
    internal static string? BaseOf(string folder)
    {
        using CheckpointTensors file = CheckpointTensors.Open(Path.Combine(folder, WeightsFile));
        return file.Metadata.GetValueOrDefault(BaseKey);
    }

    /// <summary>The names of a folder's tensors.</summary>
    internal static HashSet<string> Names(string folder)
    {
        using CheckpointTensors file = CheckpointTensors.Open(Path.Combine(folder, WeightsFile));
        return [.. file.Names];
    }

    /// <summary>The tensors of a folder that are parameters as a whole, and no updates or factors of them.</summary>
    internal static IReadOnlyList<string> WholeNames(string folder) => [.. Names(folder).Where(name => !s_partNames.Any(part => name.EndsWith(part, StringComparison.Ordinal)))];

    /// <summary>The weights and biases of the model that an adapter changes when it is merged, by the names of whole ones in its file.</summary>
    internal static IReadOnlyList<string> ChangedNames(string folder)
    {
        using CheckpointTensors file = CheckpointTensors.Open(Path.Combine(folder, WeightsFile));
        return
        [
            .. file.Names.Where(name => name.EndsWith(".lora_A.weight", StringComparison.Ordinal)).Select(name => name.Replace(".lora_A.weight", ".weight", StringComparison.Ordinal)),
            .. file.Names.Where(name => name.EndsWith(".ia3_l", StringComparison.Ordinal)).SelectMany(name =>
                file.Info(name).Shape[0] == 1 ? new[] { name[..^5] + "weight" } : [name[..^5] + "weight", name[..^5] + "bias"]),   // of inputs (1, I), of outputs (O, 1)
        ];
    }

    /// <summary>Reads the tensors of an adapter.</summary>
    /// <param name="folder">The adapter's folder.</param>
    /// <param name="tensors">Where they go to.</param>
    /// <param name="optional">Names, as the model's checkpoints have them, of those that need not be there.</param>
    /// <exception cref="CheckpointException">The file is missing or damaged, or does not fit; all misfits are named together.</exception>
    internal static void Read(string folder, IEnumerable<AdapterTensor> tensors, IReadOnlyCollection<string>? optional = null)
    {
        string path = Path.Combine(folder, WeightsFile);
        using CheckpointTensors file = CheckpointTensors.Open(path);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        var rows = tensors.ToDictionary(t => t.Name);
        List<string> faults = [.. rows.Keys.Where(name => !file.Contains(name) && !IsOptional(name)).Select(name => $"{name} is missing"), .. file.Names.Where(name => !rows.ContainsKey(name)).Select(name => $"{name} is not expected")];
        foreach (var (name, row) in rows)
        {
            if (!file.Contains(name) || file.Info(name).Shape.SequenceEqual(row.Shape)) continue;
            faults.Add($"{name} has shape ({string.Join(", ", file.Info(name).Shape.ToArray())}), and the model's is ({string.Join(", ", row.Shape)})");
        }
        if (faults.Count > 0) throw new CheckpointException(path, $"the adapter does not fit the model: {string.Join("; ", faults)}.");
        foreach (var (name, row) in rows.Where(row => file.Contains(row.Key)))
        {
            using Tensor value = empty(row.Shape, dtype: ScalarType.Float32);
            file.ReadInto(name, value);
            row.Set(value);
        }

        bool IsOptional(string name) => optional?.Any(own => name == Prefix + own || name == PromptPrefix + own) ?? false;
    }

    /// <summary>The configuration of a folder, and where it stands.</summary>
    /// <exception cref="CheckpointException">It is missing or no JSON.</exception>
    internal static (JsonObject Json, ConfigReader Reader, string Path) ReadConfig(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        string path = Path.Combine(folder, ConfigFile);
        if (!File.Exists(path)) throw new CheckpointException(path, $"missing; the folder of an adapter holds {ConfigFile} and {WeightsFile}.");
        try
        {
            JsonObject json = JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw new CheckpointException(path, "its top level is not an object.");
            return (json, new ConfigReader(json, path), path);
        }
        catch (JsonException e)
        {
            throw new CheckpointException(path, $"it is not valid JSON: {e.Message}", e);
        }
    }
}
