using System.Globalization;
using System.Text.Json;

namespace PreTrain.Data;

/// <summary>Reads texts and the names of their labels from a file, one at a time.</summary>
internal static class LabelledTextReader
{
    /// <summary>A text whose labels have no numbers yet.</summary>
    public sealed record Example(string Text, string? Pair, string[] Labels, double Value);

    /// <summary>Reads a file.</summary>
    /// <exception cref="CorpusException">The file is no file of labelled texts.</exception>
    public static IEnumerable<ReadLine<Example>> Read(SourceFile file, LabelledTextOptions options)
    {
        if (ExampleFiles.FormatOf(file, options.Format, "labelled texts") == CorpusFormat.JsonLines) return JsonLinesReader.ReadLines(file, line => Parse(line, options), replaceInvalid: false);
        string[] columns = [options.TextField, options.LabelField, .. options.PairField is { } pair ? [pair] : Array.Empty<string>()];
        return CsvReader.ReadRows(file, columns, options.Separator ?? CorpusFiles.SeparatorOf(file.Path), replaceInvalid: false).Select(row =>
        {
            if (row.Value is not { } fields) return new ReadLine<Example>(row.Line, null, row.Fault);
            var (example, fault) = Parse(fields, options);
            return new(row.Line, example, fault is null ? null : ReadLine.Broken(file, row.Line, fault, null));
        });
    }

    private static (Example? Value, string? Fault) Parse(string[] fields, LabelledTextOptions options)
    {
        string label = fields[1].Trim();
        string[] labels = options.Task switch
        {
            ClassificationTask.SingleLabel => [label],
            ClassificationTask.MultiLabel => label.Split(options.LabelSeparator, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries),
            _ => [],
        };
        double value = 0;
        if (options.Task == ClassificationTask.Regression && !(double.TryParse(label, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value)))
            return (null, $"its {options.LabelField} ('{label}') is no number");
        return Check(new(fields[0], options.PairField is null ? null : fields[2], labels, value), options);
    }

    private static (Example? Value, string? Fault) Parse(ReadOnlySpan<byte> line, LabelledTextOptions options)
    {
        var reader = new Utf8JsonReader(line);
        using JsonDocument json = JsonDocument.ParseValue(ref reader);
        reader.Read();   // anything after the object is a fault
        JsonElement root = json.RootElement;
        if (root.ValueKind != JsonValueKind.Object) return (null, $"it holds {Short(root)}, and an object is expected. Write {{\"{options.TextField}\": …, \"{options.LabelField}\": …}} on each line");
        string? pair = null;
        if (!Text(options.TextField, out string text, out string? fault)) return (null, fault);
        if (options.PairField is { } pairField && !Text(pairField, out pair, out fault)) return (null, fault);
        if (!root.TryGetProperty(options.LabelField, out JsonElement label)) return (null, $"it has no member \"{options.LabelField}\". Name the member that holds the label");
        switch (options.Task)
        {
            case ClassificationTask.Regression:
                return label.ValueKind == JsonValueKind.Number && double.IsFinite(label.GetDouble()) ? Check(new(text, pair, [], label.GetDouble()), options) : Wrong("a number");
            case ClassificationTask.SingleLabel:
                return NameOf(label) is { } name ? Check(new(text, pair, [name], 0), options) : Wrong("a text or a whole number");
            default:
                string?[] names = label.ValueKind == JsonValueKind.Array ? [.. label.EnumerateArray().Select(NameOf)] : [null];
                return names.Contains(null) ? Wrong("a list of texts or whole numbers") : Check(new(text, pair, names!, 0), options);
        }

        (Example?, string?) Wrong(string wanted) => (null, $"its member \"{options.LabelField}\" is {Short(label)}, and {wanted} is expected");

        bool Text(string field, out string value, out string? why)
        {
            value = "";
            why = null;
            if (!root.TryGetProperty(field, out JsonElement member)) why = $"it has no member \"{field}\". Name the member that holds the text";
            else if (member.ValueKind != JsonValueKind.String) why = $"its member \"{field}\" is {Short(member)}, and a text is expected";
            else value = member.GetString()!;
            return why is null;
        }
    }

    private static (Example? Value, string? Fault) Check(Example example, LabelledTextOptions options)
    {
        if (string.IsNullOrWhiteSpace(example.Text)) return (null, $"its {options.TextField} is empty, and there is nothing to classify");
        if (example.Pair is { } pair && string.IsNullOrWhiteSpace(pair)) return (null, $"its {options.PairField} is empty, and there is no second text");
        if (example.Labels.Any(string.IsNullOrWhiteSpace)) return (null, $"its {options.LabelField} is empty");
        if (example.Labels.Distinct().Count() < example.Labels.Length) return (null, $"its {options.LabelField} names a label twice ({string.Join(", ", example.Labels)})");
        if (options.Labels is { } known && example.Labels.FirstOrDefault(name => known.Find(name) is null) is { } strange)
            return (null, $"its {options.LabelField} ('{strange}') is not one of {string.Join(", ", known.Names)}");
        if (options.LargestValue is { } largest && Math.Abs(example.Value) > largest)
            return (null, FormattableString.Invariant($"its {options.LabelField} ({example.Value}) must be from {-largest} to {largest}. Divide the numbers by the largest"));
        return (example, null);
    }

    private static string? NameOf(JsonElement label) => label.ValueKind switch
    {
        JsonValueKind.String => label.GetString(),
        JsonValueKind.Number when label.TryGetInt64(out long number) => number.ToString(CultureInfo.InvariantCulture),
        _ => null,
    };

    private static string Short(JsonElement value) => value.GetRawText() is { Length: > 60 } text ? text[..57] + "…" : value.GetRawText();
}
