using System.Text;
using System.Text.Json;
using PreTrain.Tokenization;

namespace PreTrain.Data;

/// <summary>Reads texts with tags from a file, one at a time: columns as those of CoNLL, or JSON lines with spans.</summary>
internal static class TaggedTextReader
{
    /// <summary>A text whose tags have no numbers yet.</summary>
    internal sealed record Example(string Text, IReadOnlyList<TokenSpan> Words, IReadOnlyList<string> Tags, IReadOnlyList<(int Start, int End, string Type)>? Spans, string? Group);

    /// <summary>What the sentences of a file's document have in common.</summary>
    internal static string GroupOf(SourceFile file, int document) => $"{file.Path}#{document}";

    internal static IEnumerable<ReadLine<Example>> Read(SourceFile file) =>
        CorpusFiles.FormatOf(file.Path) == CorpusFormat.JsonLines ? JsonLinesReader.ReadLines(file, Parse, replaceInvalid: false) : ReadColumns(file);

    /// <summary>A word and its columns on each line, the tag in the last one; an empty line ends a sentence, and <c>-DOCSTART-</c> a document.</summary>
    private static IEnumerable<ReadLine<Example>> ReadColumns(SourceFile file)
    {
        var lines = new ByteLines(file);
        var words = new List<(string Word, string Tag)>();
        long first = 1;
        int document = 0;
        Example Sentence()
        {
            var text = new StringBuilder();
            var spans = new List<TokenSpan>();
            foreach (var (word, _) in words)
            {
                if (text.Length > 0) text.Append(' ');
                spans.Add(new(text.Length, text.Length + word.Length));
                text.Append(word);
            }
            var sentence = new Example(text.ToString(), spans, [.. words.Select(word => word.Tag)], null, document == 0 ? null : GroupOf(file, document));
            words.Clear();
            return sentence;
        }

        while (lines.Next())
        {
            string? line = null, fault = null;
            try
            {
                line = Utf8File.Strict.GetString(lines.Current.Span);
            }
            catch (DecoderFallbackException)
            {
                fault = $"it is not UTF-8 at byte {Utf8File.FirstInvalidByte(lines.Current.Span)}. Convert the file";
            }
            string[] columns = line is null ? [] : Columns(line);
            if (fault is null && (columns.Length == 0 || columns[0] == "-DOCSTART-"))
            {
                if (words.Count > 0) yield return new(first, Sentence(), null);
                if (columns.Length > 0) document++;
                continue;
            }
            if (words.Count == 0) first = lines.Number;
            if (fault is null && columns.Length < 2) fault = $"it holds '{columns[0]}' alone, and a word and its tag are expected, separated by a space or a tab";
            else if (fault is null) fault = FaultOf(columns[^1], words);
            if (fault is not null)
            {
                yield return new(lines.Number, null, ReadLine.Broken(file, lines.Number, fault, null));
                yield break;
            }
            words.Add((columns[0], columns[^1]));
        }
        if (words.Count > 0) yield return new(first, Sentence(), null);
    }

    /// <summary>Between tabs where the line has one, since a word may hold spaces then; else between spaces.</summary>
    private static string[] Columns(string line) => line.Contains('\t')
        ? line.Split('\t', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
        : line.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static string? FaultOf(string tag, List<(string Word, string Tag)> before)
    {
        if (TagScheme.Read(tag) is not { } read) return $"its tag ('{tag}') must be O, B-TYPE or I-TYPE";
        string last = before.Count == 0 ? TagScheme.Outside : before[^1].Tag;
        return read is { Begins: false, Type: { } type } && TagScheme.Read(last)!.Value.Type != type
            ? $"its tag ('{tag}') goes on with a name, and '{last}' before it is none of that type. In IOB2 a name begins with B-{type}" : null;
    }

    /// <summary><c>{"text": …, "spans": [{"start": …, "end": …, "label": …}]}</c>, the places in characters (code points), the end exclusive.</summary>
    private static (Example? Value, string? Fault) Parse(ReadOnlySpan<byte> line)
    {
        var reader = new Utf8JsonReader(line);
        using JsonDocument json = JsonDocument.ParseValue(ref reader);
        reader.Read();   // anything after the object is a fault
        const string wanted = "Write {\"text\": …, \"spans\": [{\"start\": 0, \"end\": 5, \"label\": …}]} on each line";
        if (json.RootElement is not { ValueKind: JsonValueKind.Object } root) return (null, $"it is no object. {wanted}");
        if (!root.TryGetProperty("text", out JsonElement content) || content.ValueKind != JsonValueKind.String) return (null, $"it has no text \"text\". {wanted}");
        if (!root.TryGetProperty("spans", out JsonElement list) || list.ValueKind != JsonValueKind.Array) return (null, $"it has no list \"spans\". {wanted}");
        string text = content.GetString()!;
        if (string.IsNullOrWhiteSpace(text)) return (null, "its text is empty");
        var spans = new List<(int Start, int End, string Type)>();
        foreach (JsonElement item in list.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Object || Number(item, "start") is not { } start || Number(item, "end") is not { } end
                || !item.TryGetProperty("label", out JsonElement label) || label.ValueKind != JsonValueKind.String || string.IsNullOrWhiteSpace(label.GetString()))
                return (null, $"its span {item.GetRawText()} has no start, end and label. {wanted}");
            string place = $"its span from {start} to {end} ('{label.GetString()}')";
            if (end <= start || start < 0) return (null, $"{place} must begin at 0 or later and end after its beginning");
            if (CodePoints.Place(text, start) is not { } from || CodePoints.Place(text, end) is not { } to) return (null, $"{place} lies beyond the text of {text.EnumerateRunes().Count()} characters");
            if (string.IsNullOrWhiteSpace(text[from..to])) return (null, $"{place} holds no word");
            spans.Add((from, to, label.GetString()!));
        }
        spans.Sort();
        IReadOnlyList<TokenSpan> words = TaggedText.WordsOf(text);
        for (int i = 1; i < spans.Count; i++)
        {
            string both = $"its spans '{text[spans[i - 1].Start..spans[i - 1].End]}' and '{text[spans[i].Start..spans[i].End]}'";
            if (spans[i].Start < spans[i - 1].End) return (null, $"{both} overlap, and a word has one tag");
            foreach (TokenSpan word in words)
                if (word.Start < spans[i - 1].End && word.End > spans[i].Start) return (null, $"{both} lie in one word, '{text[word.Start..word.End]}', and a word has one tag");
        }
        return (new(text, words, [], spans, null), null);
    }

    private static long? Number(JsonElement item, string name) => item.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number) ? number : null;
}
