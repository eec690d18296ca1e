using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace PreTrain.Checkpoints;

/// <summary>Rewrites checkpoints: from PyTorch's format to safetensors and back, in another precision, in one file or in shards.</summary>
public static class CheckpointConverter
{
    /// <summary>Files beside the weights that belong to a model: its configuration, its tokenizer, its card.</summary>
    private static readonly string[] companions = [".json", ".txt", ".model", ".jinja", ".md"];

    /// <summary>Converts a checkpoint. At most one tensor is in memory at a time.</summary>
    /// <remarks>
    /// Tensors that PyTorch stores once under several names (tied weights) stay one in PyTorch's format and are written under each name as safetensors, which
    /// has no sharing. From folder to folder the files beside the weights are copied, and the type of elements in <c>config.json</c> follows the conversion.
    /// </remarks>
    /// <param name="source">A folder or file as <see cref="CheckpointTensors.Open"/> takes it.</param>
    /// <param name="target">A folder, created where it is missing; or a file, if the name ends in <c>.safetensors</c>, <c>.bin</c>, <c>.pt</c> or <c>.pth</c>.</param>
    /// <param name="options">What to make of it. The default is safetensors without another change.</param>
    /// <returns>The paths of the files with tensors, and of the index if there is one.</returns>
    /// <exception cref="CheckpointException">The source cannot be used, or a value is too large for the new type.</exception>
    /// <exception cref="ArgumentException">The target is the source, or an option is wrong.</exception>
    /// <exception cref="IOException">The target cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The target may not be written to.</exception>
    public static IReadOnlyList<string> Convert(string source, string target, CheckpointConverterOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(source);
        ArgumentException.ThrowIfNullOrWhiteSpace(target);
        options ??= new CheckpointConverterOptions();
        options.Validate();
        using var checkpoint = CheckpointTensors.Open(source);
        var folder = Directory.Exists(source) ? Path.GetFullPath(source) : null;
        if (checkpoint.Files.Append(folder).Any(path => path is not null && SamePath(path, target)))
            throw new ArgumentException($"The target '{target}' is the source. Choose another one.", nameof(target));
        if (target.EndsWith(CheckpointNames.GgufExtension, StringComparison.OrdinalIgnoreCase))
            throw new ArgumentException($"The target '{target}' would be a GGUF file, which holds a whole model; export the model instead of converting its weights.", nameof(target));

        var entries = Entries(checkpoint, options.DataType);
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
        if (folder is not null)
            CopyCompanions(folder, target, options.DataType);
        return files;
    }

    private static bool SamePath(string path, string other) =>
        Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)) == Path.TrimEndingDirectorySeparator(Path.GetFullPath(other));

    private static CheckpointFormat? FileFormat(string path) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".safetensors" => CheckpointFormat.Safetensors,
        ".bin" or ".pt" or ".pth" => CheckpointFormat.PyTorch,
        _ => null,
    };

    private static List<TensorEntry> Entries(CheckpointTensors checkpoint, ScalarType? target)
    {
        var entries = new List<TensorEntry>();
        var byName = new Dictionary<string, TensorEntry>(StringComparer.Ordinal);
        foreach (var name in checkpoint.Names)
        {
            var info = checkpoint.Info(name);
            var isFloat = info.DataType is ScalarType.Float64 or ScalarType.Float32 or ScalarType.BFloat16 or ScalarType.Float16;
            var type = isFloat && target is not null ? target.Value : info.DataType;
            // What torch lacks is copied as it is, unless it changes anyway.
            var raw = target is null || !isFloat ? checkpoint.RawCopy(name) : null;
            var entry = raw is { } copy
                ? new TensorEntry(name, copy.Type, info.Shape, copy.Write) { SharedWith = Shared(info) }
                : new TensorEntry(name, StoredType.Of(type)!, info.Shape, stream => WriteConverted(checkpoint, info, type, stream)) { SharedWith = Shared(info) };
            entries.Add(entry);
            byName.Add(name, entry);
        }
        return entries;

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

    private static void CopyCompanions(string folder, string target, ScalarType? type)
    {
        foreach (var path in Directory.EnumerateFiles(folder))
        {
            var name = Path.GetFileName(path);
            if (!companions.Contains(Path.GetExtension(name).ToLowerInvariant()) || name.EndsWith(CheckpointNames.IndexEnding, StringComparison.Ordinal))
                continue;
            if (name == "config.json" && type is not null)
                AtomicFile.WriteAllText(Path.Combine(target, name), WithType(path, type.Value));
            else
                AtomicFile.WriteAllBytes(Path.Combine(target, name), File.ReadAllBytes(path));
        }
    }

    private static string WithType(string path, ScalarType type)
    {
        try
        {
            var config = JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw new CheckpointException(path, "its top level is not an object.");
            config[config.ContainsKey("torch_dtype") && !config.ContainsKey("dtype") ? "torch_dtype" : "dtype"] = StoredType.Of(type)!.TorchName;
            return config.ToJsonString(new JsonSerializerOptions { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }) + "\n";
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            // ArgumentException: a name that appears twice.
            throw new CheckpointException(path, $"it is not valid JSON: {e.Message}", e);
        }
    }
}
