using System.Globalization;
using System.Text;
using System.Text.Json;

namespace PreTrain.Data;

/// <summary>What the steps of a <see cref="ProcessedCorpus"/> did in one pass, as far as it has come.</summary>
/// <param name="Steps">The steps in their order.</param>
public sealed record CorpusReport(IReadOnlyList<CorpusStepReport> Steps)
{
    /// <summary>A table for people: a line for each step, and one below it for each reason and change.</summary>
    /// <returns>Lines of equal columns.</returns>
    public override string ToString()
    {
        var rows = new List<string[]> { new[] { "step", "documents in", "out", "characters in", "out" } };
        foreach (var step in Steps)
        {
            rows.Add([step.Name, Number(step.DocumentsIn), Number(step.DocumentsOut), Number(step.CharactersIn), Number(step.CharactersOut)]);
            rows.AddRange(step.Dropped.Select(reason => new[] { $"  dropped: {reason.Key}", Number(reason.Value), "", "", "" }));
            rows.AddRange(step.Changes.Select(change => new[] { $"  changed: {change.Key}", Number(change.Value), "", "", "" }));
        }
        var widths = Enumerable.Range(0, 5).Select(column => rows.Max(row => row[column].Length)).ToArray();
        var table = new StringBuilder();
        foreach (var row in rows)
        {
            var line = row[0].PadRight(widths[0]) + string.Concat(row.Skip(1).Select((cell, i) => "  " + cell.PadLeft(widths[i + 1])));
            table.Append(line.TrimEnd()).Append('\n');
        }
        return table.ToString();
    }

    /// <summary>The report as a JSON object with the member <c>steps</c>.</summary>
    /// <returns>UTF-8 text in one line.</returns>
    public string ToJson()
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            WriteTo(json);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.GetBuffer().AsSpan(0, (int)buffer.Length));
    }

    /// <summary>Writes the member <c>steps</c> into an object that is open.</summary>
    /// <param name="json">The writer.</param>
    public void WriteTo(Utf8JsonWriter json)
    {
        ArgumentNullException.ThrowIfNull(json);
        json.WriteStartArray("steps");
        foreach (var step in Steps)
        {
            json.WriteStartObject();
            json.WriteString("name", step.Name);
            json.WriteNumber("documentsIn", step.DocumentsIn);
            json.WriteNumber("documentsOut", step.DocumentsOut);
            json.WriteNumber("charactersIn", step.CharactersIn);
            json.WriteNumber("charactersOut", step.CharactersOut);
            WriteCounts("dropped", step.Dropped);
            WriteCounts("changes", step.Changes);
            json.WriteEndObject();
        }
        json.WriteEndArray();

        void WriteCounts(string name, IReadOnlyDictionary<string, long> counts)
        {
            json.WriteStartObject(name);
            foreach (var (key, value) in counts)
                json.WriteNumber(key, value);
            json.WriteEndObject();
        }
    }

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
