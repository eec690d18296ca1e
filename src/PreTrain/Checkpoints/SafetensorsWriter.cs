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
        SafetensorsFormat.RequireLittleEndian();
        var entries = Arrange(tensors);
        var header = Header(entries, metadata);
        AtomicFile.Write(path, stream =>
        {
            stream.Write(header);
            foreach (var entry in entries)
                WriteElements(stream, entry);
        });
    }

    private static List<Entry> Arrange(IEnumerable<(string Name, Tensor Tensor)> tensors)
    {
        var entries = new List<Entry>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (name, tensor) in tensors)
        {
            ArgumentNullException.ThrowIfNull(name, nameof(tensors));
            ArgumentNullException.ThrowIfNull(tensor, nameof(tensors));
            if (name == SafetensorsFormat.MetadataKey)
                throw new ArgumentException($"A tensor cannot be named '{name}': the format keeps that name for itself. Rename it.", nameof(tensors));
            CheckText(name, nameof(tensors));
            if (!names.Add(name))
                throw new ArgumentException($"The name '{name}' appears twice; each tensor needs its own.", nameof(tensors));
            var rank = SafetensorsFormat.Rank(tensor.dtype);
            if (rank < 0)
            {
                throw new ArgumentException($"The tensor '{name}' has elements of the type {tensor.dtype}, which safetensors cannot hold; "
                    + $"it holds {SafetensorsFormat.KnownNames}. Convert it first.", nameof(tensors));
            }
            entries.Add(new Entry(name, tensor, tensor.shape, rank));
        }
        entries.Sort((a, b) => a.Rank != b.Rank ? b.Rank.CompareTo(a.Rank) : string.CompareOrdinal(a.Name, b.Name));
        return entries;
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

    private static byte[] Header(List<Entry> entries, IReadOnlyDictionary<string, string>? metadata)
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
                json.WriteString("dtype"u8, SafetensorsFormat.NameOf(entry.Rank));
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

    private static void WriteElements(Stream stream, Entry entry)
    {
        if (entry.ByteCount == 0)
            return;
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var flat = entry.Tensor.detach().cpu().contiguous().view(-1);
        var count = flat.NumberOfElements;
        var width = SafetensorsFormat.BytesOf(entry.Rank);
        for (long first = 0; first < count;)
        {
            var elements = Math.Min(count - first, SafetensorsFormat.ChunkBytes / width);
            stream.Write(flat.narrow(0, first, elements).bytes);
            first += elements;
        }
        GC.KeepAlive(flat);
    }

    private sealed record Entry(string Name, Tensor Tensor, long[] Shape, int Rank)
    {
        public long ByteCount { get; } = Shape.Aggregate((long)SafetensorsFormat.BytesOf(Rank), (product, length) => product * length);
    }
}
