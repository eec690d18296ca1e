using System.Globalization;
using System.Text.Json;

namespace PreTrain.Tokenization.Json;

/// <summary>A value of a JSON file with its place, so that a fault in it can be told where it is. Properties that nobody asked for are faults too.</summary>
internal sealed class JsonPart
{
    private const int DeepestNesting = 60;
    private readonly TokenizerFile _file;
    private readonly JsonTokenType _kind;
    private readonly string _text;
    private readonly Dictionary<string, JsonPart> _properties = new(StringComparer.Ordinal);
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);
    private readonly List<JsonPart> _items = [];

    private JsonPart(TokenizerFile file, ref Utf8JsonReader reader, string name, int depth)
    {
        _file = file;
        Name = name;
        Position = reader.TokenStartIndex;
        _kind = reader.TokenType;
        _text = _kind switch
        {
            JsonTokenType.String => reader.GetString()!,
            JsonTokenType.Number => System.Text.Encoding.UTF8.GetString(reader.ValueSpan),
            _ => "",
        };
        if (depth > DeepestNesting)
            throw Fault("is nested too deeply.");
        if (_kind == JsonTokenType.StartObject)
        {
            while (TokenizerFile.NextProperty(ref reader) is { } property)
            {
                long at = reader.TokenStartIndex;
                if (!_properties.TryAdd(property, new JsonPart(file, ref reader, property, depth + 1)))
                    throw file.Fault(at, $"The property '{property}' is there twice.");
            }
        }
        else if (_kind == JsonTokenType.StartArray)
        {
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                _items.Add(new JsonPart(file, ref reader, $"{name}[{_items.Count}]", depth + 1));
        }
    }

    /// <summary>The property that it is the value of, and its index in a list.</summary>
    public string Name { get; }

    /// <summary>Its first byte in the file.</summary>
    public long Position { get; }

    public bool IsNull => _kind == JsonTokenType.Null;

    public bool IsObject => _kind == JsonTokenType.StartObject;

    public bool IsString => _kind == JsonTokenType.String;

    public bool IsList => _kind == JsonTokenType.StartArray;

    /// <summary>The names of the properties.</summary>
    public IEnumerable<string> Names => _properties.Keys;

    /// <summary>Reads the value at the reader.</summary>
    public static JsonPart Read(TokenizerFile file, ref Utf8JsonReader reader, string name) => new(file, ref reader, name, 0);

    /// <summary>The fault of this value; the sentence goes on after its name.</summary>
    public TokenizerException Fault(string sentence) => _file.Fault(Position, $"The value of '{Name}' {sentence}");

    /// <summary>The value of a property; <see langword="null"/> if it is not there or null.</summary>
    public JsonPart? Find(string property)
    {
        Require(JsonTokenType.StartObject);
        _asked.Add(property);
        return _properties.TryGetValue(property, out JsonPart? value) && !value.IsNull ? value : null;
    }

    /// <summary>The value of a property that must be there.</summary>
    public JsonPart Get(string property) => Find(property) ?? throw Fault($"has no property '{property}', which it needs.");

    /// <summary>The items of a list.</summary>
    public IReadOnlyList<JsonPart> Items()
    {
        Require(JsonTokenType.StartArray);
        return _items;
    }

    /// <summary>The text of a string.</summary>
    public string Text()
    {
        Require(JsonTokenType.String);
        return _text;
    }

    /// <summary>A string of one character.</summary>
    public System.Text.Rune Character()
    {
        string text = Text();
        return System.Text.Rune.DecodeFromUtf16(text, out System.Text.Rune rune, out int length) == System.Buffers.OperationStatus.Done && length == text.Length
            ? rune
            : throw Fault($"must be one character, but it is '{text}'.");
    }

    /// <summary>True or false.</summary>
    public bool Boolean() => _kind switch
    {
        JsonTokenType.True => true,
        JsonTokenType.False => false,
        _ => throw Fault($"must be true or false, but it is {TokenizerFile.Name(_kind)}."),
    };

    /// <summary>A whole number that is not negative.</summary>
    public int Number(int largest = int.MaxValue)
    {
        Require(JsonTokenType.Number);
        return int.TryParse(_text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number <= largest
            ? number
            : throw Fault($"must be a whole number from 0 to {largest}, but it is {_text}.");
    }

    /// <summary>A number.</summary>
    public double Real()
    {
        Require(JsonTokenType.Number);
        return double.Parse(_text, NumberStyles.Float, CultureInfo.InvariantCulture);
    }

    /// <summary>A name out of a list.</summary>
    public T Choice<T>() where T : struct, Enum =>
        Enum.TryParse(Text(), out T value) && Enum.IsDefined(value) && value.ToString() == _text
            ? value
            : throw Fault($"must be one of {string.Join(", ", Enum.GetNames<T>())}, but it is '{_text}'.");

    /// <summary>Requires that every property was asked for.</summary>
    public void RequireAllKnown(string what)
    {
        foreach ((string name, JsonPart value) in _properties)
        {
            if (!_asked.Contains(name))
                throw _file.Fault(value.Position, $"The property '{name}' of {what} is not known here.");
        }
    }

    private void Require(JsonTokenType kind)
    {
        if (_kind != kind)
            throw Fault($"must be {TokenizerFile.Name(kind)}, but it is {TokenizerFile.Name(_kind)}.");
    }
}
