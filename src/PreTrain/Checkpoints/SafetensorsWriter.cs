using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using static TorchSharp.torch;

namespace PreTrain.Checkpoints;

/// <summary>Writes safetensors files.</summary>
public static class SafetensorsWriter
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>
    /// Writes tensors to a file, atomically: a reader finds the old file or the new one, also after a crash or with a full disk.
    /// The layout is that of the reference implementation: wide elements first, then by name, the header padded to a multiple of 8 bytes.
    /// </summary>
    /// <param name="path">The file to create or replace. Its folder must exist.</param>
    /// <param name="tensors">The names and tensors, on any device, contiguous or not. At most one of them is copied at a time.</param>
    /// <param name="metadata">Free-text entries for the header; transformers expects <c>format</c> = <c>pt</c>.</param>
    /// <exception cref="ArgumentException">A name is not usable or appears twice, or a tensor has an element type that the format lacks.</exception>
    /// <exception cref="IOException">The file cannot be written, for example because the disk is full. The old file is untouched.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written to.</exception>
    public static void Write(string path, IEnumerable<(string Name, Tensor Tensor)> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        ArgumentNullException.ThrowIfNull(tensors);
        Write(path, [.. tensors.Select(t => TensorEntry.Of(t.Name, t.Tensor))], metadata);
    }

    internal static void Write(string path, IReadOnlyList<TensorEntry> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        SafetensorsFormat.RequireLittleEndian();
        var entries = Arrange(tensors);
        var header = Header(entries, metadata);
        AtomicFile.Write(path, stream =>
        {
            stream.Write(header);
            foreach (var entry in entries)
                entry.WriteElements(stream);
        });
    }

    private static List<TensorEntry> Arrange(IReadOnlyList<TensorEntry> tensors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (name, type, _, _) in tensors)
        {
            if (name == SafetensorsFormat.MetadataKey)
                throw new ArgumentException($"A tensor cannot be named '{name}': the format keeps that name for itself. Rename it.", nameof(tensors));
            CheckText(name, nameof(tensors));
            if (!names.Add(name))
                throw new ArgumentException($"The name '{name}' appears twice; each tensor needs its own.", nameof(tensors));
            if (!type.InSafetensors)
            {
                throw new ArgumentException($"The tensor '{name}' has elements of the type {type.DataType}, which safetensors cannot hold; "
                    + $"it holds {StoredType.KnownNames}. Convert it first.", nameof(tensors));
            }
        }
        return [.. tensors.OrderByDescending(t => t.Type.Rank).ThenBy(t => t.Name, StringComparer.Ordinal)];
    }

    private static void CheckText(string text, string parameter)
    {
        try
        {
            StrictUtf8.GetByteCount(text);
        }
        catch (EncoderFallbackException e)
        {
            throw new ArgumentException($"The name '{text}' holds half a surrogate pair and cannot be written as UTF-8.", parameter, e);
        }
    }

    private static byte[] Header(List<TensorEntry> entries, IReadOnlyDictionary<string, string>? metadata)
    {
        var buffer = new ArrayBufferWriter<byte>(1 << 12);
        buffer.Advance(SafetensorsFormat.PrefixBytes);
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject(SafetensorsFormat.MetadataKey);
                foreach (var (key, value) in metadata.OrderBy(m => m.Key, StringComparer.Ordinal))
                {
                    CheckText(key, nameof(metadata));
                    CheckText(value, nameof(metadata));
                    json.WriteString(key, value);
                }
                json.WriteEndObject();
            }
            long offset = 0;
            foreach (var entry in entries)
            {
                json.WriteStartObject(entry.Name);
                json.WriteString("dtype"u8, entry.Type.Name);
                json.WriteStartArray("shape"u8);
                foreach (var length in entry.Shape)
                    json.WriteNumberValue(length);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets"u8);
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += entry.ByteCount);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        var padding = -buffer.WrittenCount & 7;
        buffer.GetSpan(padding)[..padding].Fill((byte)' ');
        buffer.Advance(padding);
        var header = buffer.WrittenSpan.ToArray();
        var headerBytes = header.Length - SafetensorsFormat.PrefixBytes;
        if (headerBytes > SafetensorsFormat.MaxHeaderBytes)
        {
            throw new ArgumentException($"The header would be {headerBytes} bytes long, and the format allows {SafetensorsFormat.MaxHeaderBytes}. "
                + "Spread the tensors over several files.", nameof(entries));
        }
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)headerBytes);
        return header;
    }
}
