using System.Text;
using System.Text.Json;

namespace PreTrain.Tokenization.Json;

/// <summary>A JSON file that is read token by token, so that a fault can be told with its line and column.</summary>
internal sealed class TokenizerFile
{
    /// <summary>The largest id that a file may use: a table of all ids up to it is kept.</summary>
    public const int LargestId = (1 << 24) - 1;

    private readonly byte[] _data;
    private readonly int _start;   // after a byte-order mark

    public TokenizerFile(string path)
    {
        Path = path;
        _data = ReadAll(path);
        _start = _data.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? Encoding.UTF8.Preamble.Length : 0;
    }

    public string Path { get; }

    /// <summary>Its bytes.</summary>
    public int Length => _data.Length;

    /// <summary>UTF-8 that refuses what is not valid.</summary>
    public static UTF8Encoding StrictUtf8 { get; } = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>A reader at the beginning.</summary>
    public Utf8JsonReader Reader() => new(_data.AsSpan(_start));

    /// <summary>Reads the file with <paramref name="read"/>, and says of what goes wrong where it does.</summary>
    public void Read(ReadAction read)
    {
        Utf8JsonReader reader = Reader();
        try
        {
            reader.Read();
            read(ref reader);
            while (reader.Read())
            {
                // Whatever follows the end is found and reported by the reader.
            }
        }
        catch (JsonException fault)
        {
            // The reader's own words end with the place, counted from 0.
            string message = fault.Message.Split(" LineNumber:")[0];
            long column = (fault.BytePositionInLine ?? 0) + 1 + (fault.LineNumber is null or 0 ? _start : 0);
            throw new TokenizerException(Path, (fault.LineNumber ?? 0) + 1, column, $"The JSON is broken: {message}", fault);
        }
        catch (InvalidOperationException fault) when (fault is not ObjectDisposedException)
        {
            throw Fault(reader.TokenStartIndex, $"The JSON holds text that is not valid Unicode: {fault.Message}", fault);
        }
    }

    /// <summary>The exception for a fault at a byte of the JSON.</summary>
    public TokenizerException Fault(long position, string fault, Exception? inner = null)
    {
        ReadOnlySpan<byte> before = _data.AsSpan(0, (int)Math.Min(position + _start, _data.Length));
        int line = before.Count((byte)'\n') + 1;
        int column = before.Length - (before.LastIndexOf((byte)'\n') + 1) + 1;
        return new TokenizerException(Path, line, column, fault, inner);
    }

    /// <summary>Goes to the next property of the object that the reader is in, and returns its name; <see langword="null"/> at the object's end.</summary>
    public static string? NextProperty(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.EndObject)
            return null;
        string name = reader.GetString()!;
        reader.Read();
        return name;
    }

    /// <summary>Requires the kind of the value at the reader.</summary>
    public void Require(ref Utf8JsonReader reader, JsonTokenType kind, string what)
    {
        if (reader.TokenType != kind)
            throw Fault(reader.TokenStartIndex, $"{what} must be {Name(kind)}, but it is {Name(reader.TokenType)}.");
    }

    /// <summary>Reads true or false.</summary>
    public bool ReadBoolean(ref Utf8JsonReader reader, string what)
    {
        if (reader.TokenType is not (JsonTokenType.True or JsonTokenType.False))
            throw Fault(reader.TokenStartIndex, $"{what} must be true or false, but it is {Name(reader.TokenType)}.");
        return reader.GetBoolean();
    }

    /// <summary>Reads a string.</summary>
    public string ReadString(ref Utf8JsonReader reader, string what)
    {
        Require(ref reader, JsonTokenType.String, what);
        return reader.GetString()!;
    }

    /// <summary>Reads a string or null.</summary>
    public string? ReadOptionalString(ref Utf8JsonReader reader, string what) =>
        reader.TokenType == JsonTokenType.Null ? null : ReadString(ref reader, what);

    /// <summary>Reads an id.</summary>
    public int ReadId(ref Utf8JsonReader reader, string what)
    {
        Require(ref reader, JsonTokenType.Number, what);
        if (!reader.TryGetInt32(out int id) || id is < 0 or > LargestId)
            throw Fault(reader.TokenStartIndex, $"{what} ({Encoding.UTF8.GetString(reader.ValueSpan)}) must be a whole number from 0 to {LargestId}.");
        return id;
    }

    /// <summary>Reads all bytes of a file, and says so if it cannot be.</summary>
    public static byte[] ReadAll(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new TokenizerException(path, $"The file cannot be read: {fault.Message}", fault);
        }
    }

    /// <summary>A kind of value in words.</summary>
    public static string Name(JsonTokenType kind) => kind switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "a list",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        JsonTokenType.Null => "null",
        JsonTokenType.True => "true",
        JsonTokenType.False => "false",
        _ => kind.ToString(),
    };

    /// <summary>Reads a value; the reader is at its first token before, at its last one after.</summary>
    public delegate void ReadAction(ref Utf8JsonReader reader);
}
