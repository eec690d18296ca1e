using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace PreTrain.Checkpoints;

/// <summary>The index over the shards of a checkpoint, <c>model.safetensors.index.json</c>: which file holds which tensor.</summary>
internal static class CheckpointIndex
{
    private const int MaxBytes = 100_000_000;
    private static readonly char[] separators = ['/', '\\', ':', '\0'];

    /// <summary>Reads an index.</summary>
    /// <returns>The names of the shards by the names of the tensors, in the order of the file.</returns>
    /// <exception cref="CheckpointException">The file is missing, unreadable or no correct index.</exception>
    internal static IReadOnlyList<KeyValuePair<string, string>> Read(string path)
    {
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            if (stream.Length > MaxBytes)
                throw new CheckpointException(path, $"the index has {stream.Length} bytes, and at most {MaxBytes} are allowed. It is no index, or it is damaged.");
            using var document = JsonDocument.Parse(stream, new JsonDocumentOptions { AllowDuplicateProperties = false });
            return Parse(path, document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a string with half a surrogate pair, which is valid JSON but no text.
            throw new CheckpointException(path, $"the index is damaged: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CheckpointException.Unreadable(path, e);
        }
    }

    /// <summary>Writes an index, atomically.</summary>
    internal static void Write(string path, IEnumerable<KeyValuePair<string, string>> shardsByTensor, long totalBytes, long totalParameters)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteStartObject("metadata");
            json.WriteNumber("total_parameters", totalParameters);
            json.WriteNumber("total_size", totalBytes);
            json.WriteEndObject();
            json.WriteStartObject("weight_map");
            foreach (var (tensor, shard) in shardsByTensor.OrderBy(entry => entry.Key, StringComparer.Ordinal))
                json.WriteString(tensor, shard);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        AtomicFile.WriteAllText(path, Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length) + "\n");
    }

    private static List<KeyValuePair<string, string>> Parse(string path, JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("weight_map", out var map) || map.ValueKind != JsonValueKind.Object)
            throw new CheckpointException(path, "the index must be an object with the member 'weight_map', an object of file names by tensor names.");
        var result = new List<KeyValuePair<string, string>>();
        var faults = new List<string>();
        foreach (var entry in map.EnumerateObject())
        {
            var shard = entry.Value.ValueKind == JsonValueKind.String ? entry.Value.GetString()! : null;
            if (shard is null)
                faults.Add($"the index has {entry.Value.GetRawText()} for '{entry.Name}', and a file's name is wanted.");
            else if (shard is "" or "." or ".." || shard.IndexOfAny(separators) >= 0)
                faults.Add($"the index places '{entry.Name}' in '{shard}', which is no name of a file in the same folder.");
            else
                result.Add(new(entry.Name, shard));
        }
        if (faults.Count > 0)
            throw new CheckpointException(path, faults);
        return result.Count > 0 ? result : throw new CheckpointException(path, "the index lists no tensors.");
    }
}
