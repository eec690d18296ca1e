using System.Text;
using System.Text.Json;

namespace PreTrain.Data;

/// <summary>Reads the JSON object of each line. Blank lines are none.</summary>
internal static class JsonLinesReader
{
    /// <summary>What is wrong where JSON of valid UTF-8 holds no text.</summary>
    internal const string HalfPair = @"an escape \u that is half of a character beyond U+FFFF, as when a text was cut within one. Write both halves, or neither";

    /// <summary>Reads a line: what it holds, or what is wrong with it.</summary>
    public delegate (T? Value, string? Fault) Parser<T>(ReadOnlySpan<byte> line);

    public static IEnumerable<CorpusRecord> Read(SourceFile file, string field, bool replaceInvalid) =>
        ReadLines(file, line => Member(line, field), replaceInvalid).Select(line => new CorpusRecord(line.Value, line.Fault));

    /// <summary>Reads each line with a parser, whose faults, and those of the JSON, name the line.</summary>
    public static IEnumerable<ReadLine<T>> ReadLines<T>(SourceFile file, Parser<T> parse, bool replaceInvalid) where T : class
    {
        var lines = new ByteLines(file);
        while (lines.Next())
        {
            var line = lines.Current;
            if (line.Span.Trim(" \t"u8).IsEmpty)
                continue;
            T? value = null;
            string? fault;
            Exception? cause = null;
            try
            {
                if (replaceInvalid && !System.Text.Unicode.Utf8.IsValid(line.Span))
                    line = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(line.Span));
                (value, fault) = parse(line.Span);
            }
            catch (JsonException e)
            {
                fault = $"it is no JSON: {Plain(e)} at byte {e.BytePositionInLine}. Write one object on each line";
                cause = e;
            }
            catch (InvalidOperationException e)
            {
                fault = System.Text.Unicode.Utf8.IsValid(line.Span) ? $"it has {HalfPair}" : $"it is not UTF-8 at byte {Utf8File.FirstInvalidByte(line.Span)}. Convert the file, or set ReplaceInvalid";
                cause = e;
            }
            yield return fault is null ? new(lines.Number, value, null) : new(lines.Number, null, ReadLine.Broken(file, lines.Number, fault, cause));
        }
    }

    private static (string? Text, string? Fault) Member(ReadOnlySpan<byte> line, string field)
    {
        var reader = new Utf8JsonReader(line);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            return (null, $"it holds {Name(reader.TokenType)}, and an object is expected. Write {{\"{field}\": …}} on each line");
        string? text = null, fault = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isField = reader.ValueTextEquals(field);
            reader.Read();
            if (!isField)
                reader.Skip();
            else if (reader.TokenType == JsonTokenType.String)
                text = reader.GetString();
            else
            {
                fault = $"its member \"{field}\" is {Name(reader.TokenType)}, and a text is expected";
                reader.Skip();
            }
        }
        reader.Read();   // anything after the object is a fault
        return (text, text is null ? fault ?? $"it has no member \"{field}\". Name the member that holds the text" : null);
    }

    public static string Name(JsonTokenType type) => type switch
    {
        JsonTokenType.StartArray => "an array",
        JsonTokenType.StartObject => "an object",
        JsonTokenType.Number => "a number",
        JsonTokenType.String => "a text",
        JsonTokenType.Null => "null",
        _ => "a truth value",
    };

    private static string Plain(JsonException e)
    {
        var at = e.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return (at < 0 ? e.Message : e.Message[..at]).TrimEnd('.');
    }
}
