using System.Text.Json;

namespace PreTrain.Data;

/// <summary>Texts that belong together, to learn their vectors from.</summary>
public sealed class ContrastiveTexts
{
    private readonly Lazy<string> _fingerprint;

    /// <summary>Takes texts that a program has.</summary>
    /// <param name="examples">The texts, at least one.</param>
    /// <exception cref="ArgumentException">There are none, or a text is empty.</exception>
    public ContrastiveTexts(IReadOnlyList<ContrastiveText> examples)
    {
        ArgumentNullException.ThrowIfNull(examples);
        if (examples.Count == 0) throw new ArgumentException("There must be at least one example.", nameof(examples));
        for (int i = 0; i < examples.Count; i++)
        {
            if (examples[i].Negatives.Append(examples[i].Anchor).Append(examples[i].Positive).Any(string.IsNullOrWhiteSpace)) throw new ArgumentException($"A text of example {i} is empty.", nameof(examples));
        }
        Examples = examples;
        _fingerprint = new(Hash);
    }

    /// <summary>The examples in order.</summary>
    public IReadOnlyList<ContrastiveText> Examples { get; }

    /// <summary>How many there are.</summary>
    public int Count => Examples.Count;

    /// <summary>SHA-256 of all texts, in hexadecimal digits.</summary>
    public string Fingerprint => _fingerprint.Value;

    /// <summary>Reads JSON lines, CSV and TSV files, plain or compressed.</summary>
    /// <param name="options">Which members or columns hold what.</param>
    /// <param name="filesOrGlobs">Files and patterns, as <see cref="TextCorpus.FromFiles(string[])"/> takes them.</param>
    /// <exception cref="ArgumentException">No file was given, or an option is out of range.</exception>
    /// <exception cref="CorpusException">A file is missing, empty or damaged, or a line lacks a text.</exception>
    public static ContrastiveTexts FromFiles(ContrastiveTextOptions options, params string[] filesOrGlobs)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        string[] columns = [options.AnchorField, options.PositiveField, .. options.NegativeField is { } negative ? [negative] : Array.Empty<string>()];
        return new(ExampleFiles.Read(filesOrGlobs, file => ExampleFiles.FormatOf(file, options.Format, "texts that belong together") == CorpusFormat.JsonLines
            ? JsonLinesReader.ReadLines<ContrastiveText>(file, line => Parse(line, options), replaceInvalid: false)
            : CsvReader.ReadRows(file, columns, options.Separator ?? CorpusFiles.SeparatorOf(file.Path), replaceInvalid: false).Select(row => Parse(file, row, columns)), "pair of texts"));
    }

    /// <summary>Each text with itself, to learn without labels (Gao et al. 2021, "SimCSE", section 3); each once.</summary>
    /// <param name="texts">The texts; blank ones are left out.</param>
    /// <exception cref="ArgumentException">There is no text.</exception>
    public static ContrastiveTexts FromTexts(IEnumerable<string> texts)
    {
        ArgumentNullException.ThrowIfNull(texts);
        return new([.. texts.Where(text => !string.IsNullOrWhiteSpace(text)).Distinct(StringComparer.Ordinal).Select(text => new ContrastiveText(text, text, []))]);
    }

    /// <summary>Each source with its target: of the .NET SDK's documentation, members and what they are for.</summary>
    /// <param name="pairs">The pairs.</param>
    public static ContrastiveTexts FromPairs(TextPairs pairs)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        return new([.. pairs.Examples.Select(pair => new ContrastiveText(pair.Source, pair.Target, [], pair.Group))]);
    }

    /// <summary>Holds examples out, always the same: groups in a pseudo-random order, until they are as many as wanted.</summary>
    /// <param name="validationFraction">The share that is held out, from 0 to below 1; 0 for none.</param>
    /// <returns>What is left to learn from, and what is held out, null where nothing is.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The share is out of range.</exception>
    /// <exception cref="CorpusException">Nothing would be left to learn from.</exception>
    public (ContrastiveTexts Train, ContrastiveTexts? Validation) Split(double validationFraction)
    {
        var (train, held) = HeldOut.Split(Examples, example => example.Group, validationFraction, "examples");
        return held.Count == 0 ? (this, null) : (new(train), new(held));
    }

    private static (ContrastiveText? Value, string? Fault) Parse(ReadOnlySpan<byte> line, ContrastiveTextOptions options)
    {
        if (JsonMembers.Object(line, $"{{\"{options.AnchorField}\": …, \"{options.PositiveField}\": …}}", out string? fault) is not { } root) return (null, fault);
        if (JsonMembers.Text(root, options.AnchorField, out fault) is not { } anchor || JsonMembers.Text(root, options.PositiveField, out fault) is not { } positive) return (null, fault);
        if (options.NegativeField is not { } field) return (new(anchor, positive, []), null);
        if (!root.TryGetProperty(field, out JsonElement member) || member.ValueKind != JsonValueKind.Array) return JsonMembers.Text(root, field, out fault) is { } one ? (new(anchor, positive, [one]), null) : (null, fault);
        string[] negatives = [.. member.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.String ? item.GetString()! : "")];
        return negatives.Any(string.IsNullOrWhiteSpace) ? (null, $"its member \"{field}\" is {JsonMembers.Short(member)}, and texts that are not empty are expected") : (new(anchor, positive, negatives), null);
    }

    private string Hash()
    {
        using var hash = new ContentHash();
        foreach (ContrastiveText example in Examples)
        {
            hash.Add(example.Anchor);
            hash.Add(example.Positive);
            hash.Add(example.Negatives.Count);
            foreach (string negative in example.Negatives) hash.Add(negative);
        }
        return hash.Finish();
    }

    private static ReadLine<ContrastiveText> Parse(SourceFile file, ReadLine<string[]> row, string[] columns)
    {
        if (row.Value is not [var anchor, var positive, .. var negatives]) return new(row.Line, null, row.Fault);
        int empty = Array.FindIndex(row.Value, string.IsNullOrWhiteSpace);
        return empty < 0 ? new(row.Line, new(anchor, positive, negatives), null) : new(row.Line, null, ReadLine.Broken(file, row.Line, $"its {columns[empty]} is empty", null));
    }
}
