using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace PreTrain.Checkpoints;

/// <summary>Rewrites checkpoints: from PyTorch's format to safetensors and back, in another precision, in one file or in shards.</summary>
public static class CheckpointConverter
{
    private const string ConfigFile = "config.json", ModulesFile = "modules.json", QuantizationKey = "quantization_config";

    /// <summary>How the names end of what makes weights of codes: scales, zero points and tables of bitsandbytes, compressed-tensors, GPTQ and AWQ.</summary>
    private static readonly string[] partsOfCodes = [".absmax", ".nested_absmax", ".quant_map", ".nested_quant_map", ".SCB", "_scale", "_scale_inv", "_zero_point", ".scales", ".qzeros"];

    /// <summary>The measures of a model that a recipe has made, with which the stage is finished.</summary>
    internal const string MeasuresFile = "stage.json";

    /// <summary>What describes the weights beside it, and is of no use beside others.</summary>
    private static readonly string[] ofWeights = [ConfigFile, "adapter_config.json", "trainer_state.json", MeasuresFile];

    /// <summary>Files beside the weights that belong to a model: its configuration, its tokenizer, its card.</summary>
    private static readonly string[] companions = [".json", ".txt", ".model", ".jinja", ".md"];

    /// <summary>Converts a checkpoint. At most one tensor is in memory at a time.</summary>
    /// <remarks>
    /// Tensors that PyTorch stores once under several names (tied weights) stay one in PyTorch's format and are written under each name as safetensors, which
    /// has no sharing. The codes of 8-bit floats, scales and tables of quantized weights keep their types, which are part of what they mean. From folder to folder the files beside the weights are copied as by <see cref="CopyCompanions"/>, and the type of elements in <c>config.json</c> follows the conversion.
    /// A folder keeps no weights of the other format, which a reader might prefer.
    /// </remarks>
    /// <param name="source">A folder or file as <see cref="CheckpointTensors.Open"/> takes it.</param>
    /// <param name="target">A folder, created where it is missing; or a file, if the name ends in <c>.safetensors</c>, <c>.bin</c>, <c>.pt</c> or <c>.pth</c>.</param>
    /// <param name="options">What to make of it. The default is safetensors without another change.</param>
    /// <param name="cancellationToken">Stops between two tensors; the files that are not complete are removed.</param>
    /// <returns>The paths of the files with tensors, and of the index if there is one.</returns>
    /// <exception cref="CheckpointException">The source cannot be used, or a value is too large for the new type.</exception>
    /// <exception cref="ArgumentException">The target is the source or the folder of its weights, or an option is wrong.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    /// <exception cref="IOException">The target cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The target may not be written to.</exception>
    public static IReadOnlyList<string> Convert(string source, string target, CheckpointConverterOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(source);
        ArgumentException.ThrowIfNullOrWhiteSpace(target);
        options ??= new CheckpointConverterOptions();
        options.Validate();
        using var checkpoint = CheckpointTensors.Open(source);
        var folder = Directory.Exists(source) ? Path.GetFullPath(source) : null;
        if (checkpoint.Files.Append(folder).Any(path => path is not null && SamePath(path, target)) || checkpoint.Files.Any(file => IsWeights(Path.GetFileName(file)) && SamePath(Path.GetDirectoryName(Path.GetFullPath(file))!, target)))
            throw new ArgumentException($"The target '{target}' is the source. Choose another one.", nameof(target));
        if (FileFormat(target) is not null && !Directory.Exists(target) && options.MaxShardBytes != new CheckpointConverterOptions().MaxShardBytes)
            throw new ArgumentException($"{nameof(options.MaxShardBytes)} ({options.MaxShardBytes}) goes with a folder, and the target '{target}' is one file.", nameof(options));
        if (target.EndsWith(CheckpointNames.GgufExtension, StringComparison.OrdinalIgnoreCase))
            throw new ArgumentException($"The target '{target}' would be a GGUF file, which holds a whole model; export the model instead of converting its weights.", nameof(target));

        var keepsParts = options.DataType is not null && IsQuantized(Path.Combine(folder ?? Path.GetDirectoryName(Path.GetFullPath(source))!, ConfigFile));
        var entries = Entries(checkpoint, options.DataType, keepsParts, cancellationToken);
        var writing = new CheckpointWriterOptions
        {
            Format = FileFormat(target) ?? options.Format,
            MaxShardBytes = options.MaxShardBytes,
            Metadata = checkpoint.Metadata,
        };
        if (FileFormat(target) is not null && !Directory.Exists(target))
        {
            CheckpointWriter.WriteFile(target, entries, writing);
            return [target];
        }
        IReadOnlyList<string> files = [.. CheckpointWriter.Write(target, entries, writing).Select(file => Path.Combine(target, file))];
        foreach (var path in Directory.GetFiles(target))
        {
            if (Path.GetFileName(path) is var name && IsWeights(name) && !CheckpointNames.Of(writing.Format).Has(name))
                File.Delete(path);
        }
        if (folder is not null)
        {
            CopyCompanions(folder, target);
            if (options.DataType is { } type && File.Exists(Path.Combine(folder, ConfigFile))) AtomicFile.WriteAllText(Path.Combine(target, ConfigFile), WithType(Path.Combine(folder, ConfigFile), type));
            else CopyFile(folder, target, ConfigFile);
        }
        return files;
    }

    /// <summary>Copies what belongs to a model and neither is nor describes its weights, as <c>config.json</c> does and an adapter's <c>adapter_config.json</c>: its tokenizer, its chat template, its card, and the folders that <c>modules.json</c> of the library sentence-transformers names.</summary>
    /// <param name="source">The folder of a model or an adapter.</param>
    /// <param name="target">The folder of another one, which exists.</param>
    /// <exception cref="CheckpointException"><c>modules.json</c> is not valid JSON, or names a folder outside the model's.</exception>
    /// <exception cref="IOException">A file cannot be read or written.</exception>
    /// <exception cref="UnauthorizedAccessException">A file may not be read or written.</exception>
    public static void CopyCompanions(string source, string target)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(source);
        ArgumentException.ThrowIfNullOrWhiteSpace(target);
        foreach (string path in Directory.EnumerateFiles(source))
        {
            string name = Path.GetFileName(path);
            if (!ofWeights.Contains(name) && companions.Contains(Path.GetExtension(name).ToLowerInvariant()) && !name.EndsWith(CheckpointNames.IndexEnding, StringComparison.Ordinal)) CopyFile(source, target, name);
        }
        foreach (string module in ModuleFolders(source))
        {
            Directory.CreateDirectory(Path.Combine(target, module));
            foreach (string path in Directory.EnumerateFiles(Path.Combine(source, module))) CopyFile(source, target, Path.Combine(module, Path.GetFileName(path)));
        }
    }

    private static bool SamePath(string path, string other) =>
        Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)) == Path.TrimEndingDirectorySeparator(Path.GetFullPath(other));

    private static bool IsWeights(string name) => CheckpointNames.Safetensors.Has(name) || CheckpointNames.PyTorch.Has(name);

    private static CheckpointFormat? FileFormat(string path) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".safetensors" => CheckpointFormat.Safetensors,
        ".bin" or ".pt" or ".pth" => CheckpointFormat.PyTorch,
        _ => null,
    };

    private static List<TensorEntry> Entries(CheckpointTensors checkpoint, ScalarType? target, bool keepsParts, CancellationToken cancellationToken)
    {
        var entries = new List<TensorEntry>();
        var byName = new Dictionary<string, TensorEntry>(StringComparer.Ordinal);
        foreach (var name in checkpoint.Names)
        {
            var info = checkpoint.Info(name);
            var isPart = keepsParts && (info.StoredType.StartsWith("F8_", StringComparison.Ordinal) || partsOfCodes.Any(ending => name.EndsWith(ending, StringComparison.Ordinal)));
            var isFloat = !isPart && info.DataType is ScalarType.Float64 or ScalarType.Float32 or ScalarType.BFloat16 or ScalarType.Float16;
            var type = isFloat && target is not null ? target.Value : info.DataType;
            // What torch lacks is copied as it is, unless it changes anyway.
            var raw = target is null || !isFloat ? checkpoint.RawCopy(name) : null;
            var entry = raw is { } copy
                ? new TensorEntry(name, copy.Type, info.Shape, Unless(copy.Write)) { SharedWith = Shared(info) }
                : new TensorEntry(name, StoredType.Of(type)!, info.Shape, Unless(stream => WriteConverted(checkpoint, info, type, stream))) { SharedWith = Shared(info) };
            entries.Add(entry);
            byName.Add(name, entry);
        }
        return entries;

        Action<Stream> Unless(Action<Stream> write) => stream =>
        {
            cancellationToken.ThrowIfCancellationRequested();
            write(stream);
        };

        TensorEntry? Shared(TensorInfo info) => info.SharedWith is null ? null : byName[info.SharedWith];
    }

    private static void WriteConverted(CheckpointTensors checkpoint, TensorInfo info, ScalarType type, Stream stream)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var before = checkpoint.View(info.Name);
        if (before.dtype == type)
        {
            TensorEntry.Write(stream, before);
            return;
        }
        var after = before.to(type);
        if (after.isinf().sum().item<long>() > before.isinf().sum().item<long>())
        {
            throw new CheckpointException(info.File, info.Name,
                $"it holds values that are too large for {type}, up to {before.to(ScalarType.Float64).nan_to_num(0, 0, 0).abs().max().item<double>():G6}. Convert it to BFloat16 or Float32.");
        }
        TensorEntry.Write(stream, after);
    }

    private static void CopyFile(string source, string target, string name)
    {
        if (File.Exists(Path.Combine(source, name))) AtomicFile.WriteAllBytes(Path.Combine(target, name), File.ReadAllBytes(Path.Combine(source, name)));
    }

    /// <summary>Requires a folder that a file of a model names to be in that of the model.</summary>
    internal static void RequireWithin(string path, string name)
    {
        if (Path.IsPathRooted(name) || name.Split('/', '\\').Contains("..")) throw new CheckpointException(path, $"it names the folder '{name}', which is not in that of the model.");
    }

    /// <summary>The folders of a model's modules that are there and are not the model's own.</summary>
    private static string[] ModuleFolders(string folder)
    {
        string path = Path.Combine(folder, ModulesFile);
        if (!File.Exists(path)) return [];
        try
        {
            string[] names = [.. (JsonNode.Parse(File.ReadAllText(path)) as JsonArray ?? []).OfType<JsonObject>().Select(module => module["path"]).OfType<JsonValue>().Select(value => value.TryGetValue(out string? name) ? name : "")];
            foreach (string name in names) RequireWithin(path, name);
            return [.. names.Where(name => Directory.Exists(Path.Combine(folder, name)) && !SamePath(Path.Combine(folder, name), folder))];
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            throw new CheckpointException(path, $"it is not valid JSON: {e.Message}", e);
        }
    }

    private static bool IsQuantized(string path) => File.Exists(path) && ReadConfig(path, config => config[QuantizationKey] is JsonObject);

    private static string WithType(string path, ScalarType type) => ReadConfig(path, config =>
    {
        config[config.ContainsKey("torch_dtype") && !config.ContainsKey("dtype") ? "torch_dtype" : "dtype"] = StoredType.Of(type)!.TorchName;
        return config.ToJsonString(new JsonSerializerOptions { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }) + "\n";
    });

    private static T ReadConfig<T>(string path, Func<JsonObject, T> read)
    {
        try
        {
            return read(JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw new CheckpointException(path, "its top level is not an object."));
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            // ArgumentException: a name that appears twice.
            throw new CheckpointException(path, $"it is not valid JSON: {e.Message}", e);
        }
    }
}
