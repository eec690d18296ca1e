using System.Text.Json;

namespace PreTrain.Data;

/// <summary>Facts of a file: what is known of each subject, in the order of the file.</summary>
/// <remarks>
/// A line is <c>subject TAB relation TAB object</c>, or a JSON object with these members; empty lines and lines that begin with # are skipped. Subjects are found by their words in any
/// case.
/// </remarks>
public sealed class Facts
{
    private readonly Dictionary<string, List<string>> subjects = new(StringComparer.OrdinalIgnoreCase);
    private readonly HashSet<string> triples = [];

    private Facts()
    {
    }

    /// <summary>The number of different facts.</summary>
    public int Count => triples.Count;

    /// <summary>The number of different subjects.</summary>
    public int SubjectCount => subjects.Count;

    /// <summary>The most runs of letters and digits of a subject.</summary>
    internal int MostParts { get; private set; }

    /// <summary>Reads a file of facts.</summary>
    /// <param name="file">UTF-8 text: tab-separated, or JSON lines where the name ends with .jsonl, .ndjson or .json; also compressed, with .gz or .br behind.</param>
    /// <param name="templates">For a relation a sentence with <c>{subject}</c> and <c>{object}</c>; for others <c>{subject} {relation} {object}.</c>, the relation's underscores as blanks.</param>
    /// <returns>The facts.</returns>
    /// <exception cref="ArgumentException">A template lacks one of the two places.</exception>
    /// <exception cref="CorpusException">The file cannot be read or holds no fact, or a line is none; the message names it.</exception>
    public static Facts Load(string file, IReadOnlyDictionary<string, string>? templates = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(file);
        foreach (var (relation, template) in templates ?? new Dictionary<string, string>())
        {
            if (!template.Contains("{subject}", StringComparison.Ordinal) || !template.Contains("{object}", StringComparison.Ordinal))
                throw new ArgumentException($"The template of '{relation}' ({template}) must hold {{subject}} and {{object}}.", nameof(templates));
        }
        string text;
        using (var source = new SourceFile(file))
            text = source.ReadAllText(replaceInvalid: false);
        var name = file.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) || file.EndsWith(".br", StringComparison.OrdinalIgnoreCase) ? file[..^3] : file;
        var isJson = new[] { ".jsonl", ".ndjson", ".json" }.Any(end => name.EndsWith(end, StringComparison.OrdinalIgnoreCase));
        var facts = new Facts();
        var number = 0;
        foreach (var line in text.Split('\n').Select(line => line.TrimEnd('\r')))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line) || line[0] == '#')
                continue;
            var parts = (isJson ? OfJson(file, number, line) : line.Split('\t')).Select(part => string.Join(' ', part.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))).ToArray();
            if (parts.Length != 3 || parts.Any(part => part.Length == 0))
                throw new CorpusException($"Line {number} of the file '{file}' is no fact: it has {parts.Length} fields, and subject, relation and object are needed, none of them empty.", file);
            facts.Add(parts, templates);
        }
        return facts.Count > 0 ? facts : throw new CorpusException($"The file '{file}' holds no fact. Write subject, relation and object on each line, with tabs between them.", file);
    }

    /// <summary>The sentences about a subject; none where nothing is known.</summary>
    internal IReadOnlyList<string> Of(string subject) => subjects.TryGetValue(subject, out var found) ? found : [];

    /// <summary>Where the runs of letters and digits of a text begin and end.</summary>
    internal static List<(int Start, int End)> Parts(ReadOnlySpan<char> text)
    {
        var parts = new List<(int, int)>();
        for (var i = 0; i < text.Length;)
        {
            var end = i;
            while (end < text.Length && char.IsLetterOrDigit(text[end]))
                end++;
            if (end > i)
                parts.Add((i, end));
            i = end + 1;
        }
        return parts;
    }

    private void Add(string[] parts, IReadOnlyDictionary<string, string>? templates)
    {
        var (subject, relation, value) = (parts[0], parts[1], parts[2]);
        var template = templates is not null && templates.TryGetValue(relation, out var given) ? given : $"{{subject}} {relation.Replace('_', ' ')} {{object}}.";
        // Texts of a fact that look like a place for another one stay as they are.
        var sentence = string.Concat(template.Split("{subject}").Select((part, i) => (i > 0 ? subject : "") + part.Replace("{object}", value, StringComparison.Ordinal)));
        if (!triples.Add($"{subject}\t{relation}\t{value}"))
            return;
        if (!subjects.TryGetValue(subject, out var known))
            subjects.Add(subject, known = []);
        known.Add(sentence);
        MostParts = Math.Max(MostParts, Parts(subject).Count);
    }

    private static string[] OfJson(string file, int number, string line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return [.. new[] { "subject", "relation", "object" }.Select(member => json.RootElement.GetProperty(member).GetString() ?? "")];
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new CorpusException($"Line {number} of the file '{file}' is no fact: {e.Message} It must be an object with the texts subject, relation and object.", file, e);
        }
    }
}
