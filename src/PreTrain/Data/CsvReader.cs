using System.Text;

namespace PreTrain.Data;

/// <summary>
/// Rows of separated values as RFC 4180 has them: fields in quotes may hold separators, ends of lines and doubled quotes, but with tabs not both of the first two. The first row names the columns.
/// </summary>
internal sealed class CsvReader
{
    private readonly ByteLines lines;
    private readonly char separator;
    private readonly Encoding encoding;
    private readonly StringBuilder field = new();

    private CsvReader(SourceFile file, char separator, bool replaceInvalid)
    {
        lines = new ByteLines(file);
        this.separator = separator;
        encoding = replaceInvalid ? Encoding.UTF8 : Utf8File.Strict;
    }

    /// <summary>The column's fields, row by row. Blank lines between rows are none.</summary>
    public static IEnumerable<CorpusRecord> Read(SourceFile file, string column, char separator, bool replaceInvalid) =>
        ReadRows(file, [column], separator, replaceInvalid).Select(row => new CorpusRecord(row.Value?[0], row.Fault));

    /// <summary>The fields of several columns, row by row.</summary>
    public static IEnumerable<ReadLine<string[]>> ReadRows(SourceFile file, string[] columns, char separator, bool replaceInvalid)
    {
        var rows = new CsvReader(file, separator, replaceInvalid);
        var (_, header, fault) = rows.Next() ?? throw new CorpusException($"The file '{file.Path}' holds no row; its first row must name the columns.", file.Path);
        if (fault is not null)
            throw new CorpusException($"Line 1 of the file '{file.Path}' is broken: {fault}.", file.Path, 1, null);
        header = header.ConvertAll(name => name.Trim());
        foreach (var column in columns)
        {
            if (header.Contains(column))
                continue;
            throw new CorpusException(
                $"Line 1 of the file '{file.Path}' names the columns {string.Join(", ", header)}; '{column}' is not among them. Name the column that holds the {(columns.Length == 1 ? "text" : "texts and the labels")}, or check the separator.",
                file.Path, 1, null);
        }
        var places = Array.ConvertAll(columns, header.IndexOf);
        while (rows.Next() is var (line, row, rowFault))
        {
            if (rowFault is null && row.Count != header.Count)
            {
                rowFault = $"it has {row.Count} {(row.Count == 1 ? "field" : "fields")}, and the header names {header.Count} columns. "
                    + "Put quotes around fields that hold separators or ends of lines";
            }
            yield return rowFault is null ? new(line, Array.ConvertAll(places, place => row[place]), null) : new(line, null, ReadLine.Broken(file, line, rowFault, null));
        }
    }

    private (long Line, List<string> Fields, string? Fault)? Next()
    {
        do
        {
            if (!lines.Next())
                return null;
        }
        while (lines.Current.IsEmpty);
        var first = lines.Number;
        var fields = new List<string>();
        string? fault = null;
        var text = Decode(ref fault);
        var at = 0;
        while (true)
        {
            field.Clear();
            if (at < text.Length && text[at] == '"')
            {
                at++;
                while (true)
                {
                    var quote = text.IndexOf('"', at);
                    if (quote < 0)
                    {
                        field.Append(text, at, text.Length - at).Append('\n');
                        if (!lines.Next())
                            return (first, fields, fault ?? "a quote opens a field, and none closes it before the end of the file, which is not read from there on");
                        text = Decode(ref fault);
                        at = 0;
                        continue;
                    }
                    field.Append(text, at, quote - at);
                    at = quote + 1;
                    if (at == text.Length || text[at] != '"')
                        break;
                    field.Append('"');
                    at++;
                }
                // Files with tabs are often written without quoting, where a quote begins a text as any other character does.
                var inner = field.ToString();
                if (separator == '\t' && inner.Contains('\t') && inner.Contains('\n'))
                    fault ??= $"the quote that opens field {fields.Count + 1} is closed in line {lines.Number}, with tabs and ends of lines in between. If quotes are ordinary characters in this file, put such fields in quotes and write theirs twice";
                if (at < text.Length && text[at] != separator)
                    fault ??= $"'{text[at]}' follows the quote that closes field {fields.Count + 1}. Write quotes within a field twice";
            }
            var next = text.IndexOf(separator, at);
            var end = next < 0 ? text.Length : next;
            field.Append(text, at, end - at);
            fields.Add(field.ToString());
            if (next < 0)
                return (first, fields, fault);
            at = next + 1;
        }
    }

    private string Decode(ref string? fault)
    {
        try
        {
            return encoding.GetString(lines.Current.Span);
        }
        catch (DecoderFallbackException)
        {
            fault ??= $"byte {Utf8File.FirstInvalidByte(lines.Current.Span)} of line {lines.Number} is not UTF-8. Convert the file, or set ReplaceInvalid";
            return Encoding.UTF8.GetString(lines.Current.Span);
        }
    }
}
