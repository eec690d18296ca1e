using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace PreTrain.Checkpoints;

/// <summary>Reads a safetensors header, and accepts nothing that is not exactly right.</summary>
internal sealed class SafetensorsHeader
{
    private readonly string path;
    private readonly long dataStart;
    private readonly long dataBytes;

    private SafetensorsHeader(string path, long dataStart, long dataBytes)
    {
        this.path = path;
        this.dataStart = dataStart;
        this.dataBytes = dataBytes;
    }

    internal Dictionary<string, TensorInfo> Tensors { get; } = new(StringComparer.Ordinal);

    internal Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <param name="path">The file, for messages.</param>
    /// <param name="json">The header without its length.</param>
    /// <param name="fileBytes">The length of the whole file.</param>
    internal static SafetensorsHeader Parse(string path, ReadOnlySpan<byte> json, long fileBytes)
    {
        var dataStart = SafetensorsFormat.PrefixBytes + json.Length;
        var header = new SafetensorsHeader(path, dataStart, fileBytes - dataStart);
        if (!Utf8.IsValid(json))
            throw header.Fault("the header is not valid UTF-8.");
        if (json.IsEmpty || json[0] != (byte)'{')
            throw header.Fault("the header does not begin with '{'. It is not a safetensors file, or it is damaged.");

        var reader = new Utf8JsonReader(json);
        try
        {
            header.Read(ref reader);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a string with half a surrogate pair, which is valid JSON but no text.
            throw new CheckpointException(path, $"the header is not valid JSON at byte {SafetensorsFormat.PrefixBytes + reader.BytesConsumed}: {e.Message}", e);
        }
        header.CheckLayout();
        return header;
    }

    private void Read(ref Utf8JsonReader reader)
    {
        reader.Read();
        var metadataSeen = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            reader.Read();
            if (name == SafetensorsFormat.MetadataKey)
            {
                if (metadataSeen)
                    throw Fault($"'{SafetensorsFormat.MetadataKey}' appears twice in the header.");
                metadataSeen = true;
                ReadMetadata(ref reader);
            }
            else
            {
                var info = ReadTensor(ref reader, name);
                if (!Tensors.TryAdd(name, info))
                    throw Fault(name, "the name appears twice in the header.");
            }
        }
        reader.Read();   // nothing but white space may follow; the reader throws otherwise
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw Fault($"'{SafetensorsFormat.MetadataKey}' must be an object of strings, but is {Kind(reader)}.");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
                throw Fault($"the metadata '{key}' must be a string, but is {Kind(reader)}.");
            if (!Metadata.TryAdd(key, reader.GetString()!))
                throw Fault($"the metadata '{key}' appears twice.");
        }
    }

    private TensorInfo ReadTensor(ref Utf8JsonReader reader, string name)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw Fault(name, $"its entry must be an object with dtype, shape and data_offsets, but is {Kind(reader)}.");
        string? type = null;
        List<long>? shape = null;
        List<long>? offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            reader.Read();
            switch (key)
            {
                case "dtype" when type is null:
                    if (reader.TokenType != JsonTokenType.String)
                        throw Fault(name, $"its dtype must be a string, but is {Kind(reader)}.");
                    type = reader.GetString()!;
                    break;
                case "shape" when shape is null:
                    shape = ReadNumbers(ref reader, name, key);
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ReadNumbers(ref reader, name, key);
                    break;
                case "dtype" or "shape" or "data_offsets":
                    throw Fault(name, $"'{key}' appears twice in its entry.");
                default:
                    throw Fault(name, $"its entry has the unknown key '{key}'; it may hold dtype, shape and data_offsets.");
            }
        }
        return Check(name, type ?? throw Missing(name, "dtype"), shape ?? throw Missing(name, "shape"), offsets ?? throw Missing(name, "data_offsets"));
    }

    private List<long> ReadNumbers(ref Utf8JsonReader reader, string name, string key)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            throw Fault(name, $"its {key} must be an array of whole numbers, but is {Kind(reader)}.");
        var numbers = new List<long>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetUInt64(out var number) || number > long.MaxValue)
            {
                var value = reader.TokenType == JsonTokenType.Number ? Encoding.UTF8.GetString(reader.ValueSpan) : Kind(reader);
                throw Fault(name, $"its {key} must hold whole numbers from 0 to 2^63 − 1, but holds {value}.");
            }
            numbers.Add((long)number);
        }
        return numbers;
    }

    private TensorInfo Check(string name, string type, List<long> shape, List<long> offsets)
    {
        var stored = StoredType.ByName(type)
            ?? throw Fault(name, $"its dtype '{type}' is not supported; the supported ones are {StoredType.KnownNames}.");
        if (offsets.Count != 2)
            throw Fault(name, $"its data_offsets must be two numbers, begin and end, but there are {offsets.Count}.");
        var (begin, end) = (offsets[0], offsets[1]);
        if (begin > end)
            throw Fault(name, $"its data_offsets [{begin}, {end}] end before they begin.");
        if (end > dataBytes)
        {
            throw Fault(name, $"its data_offsets [{begin}, {end}] reach beyond the {dataBytes} bytes of data in the file. "
                + "The file is truncated or damaged.");
        }
        long bytes;
        try
        {
            // Strides are products of lengths, too: none may overflow even where a length is 0.
            var extent = shape.Aggregate((long)Math.Max(stored.Bytes, stored.BytesInMemory), (product, length) => checked(product * Math.Max(length, 1)));
            bytes = shape.Contains(0) ? 0 : extent / Math.Max(stored.Bytes, stored.BytesInMemory) * stored.Bytes;
        }
        catch (OverflowException e)
        {
            throw new CheckpointException(path, name, $"its shape {CheckpointException.Text(shape)} is too large to be true.", e);
        }
        if (bytes != end - begin)
        {
            throw Fault(name, $"{type} elements of the shape {CheckpointException.Text(shape)} take {bytes} bytes, "
                + $"but its data_offsets [{begin}, {end}] span {end - begin}.");
        }
        return new TensorInfo(name, stored.DataType, shape.ToArray(), dataStart + begin, bytes, stored.Name, path);
    }

    /// <summary>The tensors must fill the data exactly: no overlap, no hole, nothing behind the last.</summary>
    private void CheckLayout()
    {
        var next = dataStart;
        foreach (var tensor in Tensors.Values.OrderBy(t => t.Offset).ThenBy(t => t.ByteCount))
        {
            if (tensor.Offset < next)
                throw Fault(tensor.Name, $"its data begin at byte {tensor.Offset - dataStart}, inside those of another tensor, which end at {next - dataStart}.");
            if (tensor.Offset > next)
                throw Fault(tensor.Name, $"its data begin at byte {tensor.Offset - dataStart}, but those before end at {next - dataStart}: there is a hole between.");
            next += tensor.ByteCount;
        }
        if (next != dataStart + dataBytes)
            throw Fault($"the tensors take {next - dataStart} bytes, but the file has {dataBytes} bytes of data. It is damaged.");
    }

    private static string Kind(in Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        JsonTokenType.True or JsonTokenType.False => "a boolean",
        _ => "null",
    };

    private CheckpointException Fault(string fault) => new(path, fault);

    private CheckpointException Fault(string name, string fault) => new(path, name, fault);

    private CheckpointException Missing(string name, string key) => new(path, name, $"its entry lacks '{key}'.");
}
