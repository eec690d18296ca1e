namespace PreTrain.Data;

/// <summary>Pairs of texts to learn writing from: translations, summaries, answers.</summary>
public sealed class TextPairs
{
    private readonly Lazy<string> _fingerprint;

    /// <summary>Takes pairs that a program has.</summary>
    /// <param name="examples">The pairs, at least one.</param>
    /// <exception cref="ArgumentException">There are none, or a text is empty.</exception>
    public TextPairs(IReadOnlyList<TextPair> examples)
    {
        ArgumentNullException.ThrowIfNull(examples);
        if (examples.Count == 0) throw new ArgumentException("There must be at least one pair.", nameof(examples));
        for (int i = 0; i < examples.Count; i++)
        {
            if (string.IsNullOrWhiteSpace(examples[i].Source) || string.IsNullOrWhiteSpace(examples[i].Target))
                throw new ArgumentException($"The {(string.IsNullOrWhiteSpace(examples[i].Source) ? "source" : "target")} of pair {i} is empty.", nameof(examples));
        }
        Examples = examples;
        _fingerprint = new(Hash);
    }

    /// <summary>The pairs in order.</summary>
    public IReadOnlyList<TextPair> Examples { get; }

    /// <summary>How many there are.</summary>
    public int Count => Examples.Count;

    /// <summary>SHA-256 of all texts, in hexadecimal digits.</summary>
    public string Fingerprint => _fingerprint.Value;

    /// <summary>Reads JSON lines, CSV and TSV files, plain or compressed.</summary>
    /// <param name="options">Which members or columns hold what.</param>
    /// <param name="filesOrGlobs">Files and patterns, as <see cref="TextCorpus.FromFiles(string[])"/> takes them.</param>
    /// <exception cref="ArgumentException">No file was given, or an option is out of range.</exception>
    /// <exception cref="CorpusException">A file is missing, empty or damaged, or a line is no pair.</exception>
    public static TextPairs FromFiles(TextPairOptions options, params string[] filesOrGlobs)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        return new(ExampleFiles.Read(filesOrGlobs, file => ExampleFiles.FormatOf(file, options.Format, "pairs of texts") == CorpusFormat.JsonLines
            ? JsonLinesReader.ReadLines<TextPair>(file, line => Parse(line, options), replaceInvalid: false)
            : CsvReader.ReadRows(file, [options.SourceField, options.TargetField], options.Separator ?? CorpusFiles.SeparatorOf(file.Path), replaceInvalid: false).Select(row => Parse(file, row, options)), "pair of texts"));
    }

    /// <summary>
    /// Members of the .NET SDK with their summaries: the source says what a member is and its signature, such as <c>method List&lt;T&gt;.Insert(int index, T item)</c>, the target what it is for. The members of a type
    /// are held out together.
    /// </summary>
    /// <param name="documentation">The documentation.</param>
    /// <exception cref="CorpusException">A file is damaged or cannot be read.</exception>
    public static TextPairs FromSdkDocumentation(SdkDocumentation documentation)
    {
        ArgumentNullException.ThrowIfNull(documentation);
        return new([.. documentation.Members.Where(member => SdkDocumentation.IsProse(member) && !member.Summary.IsEmpty)
            .Select(member => new TextPair(SourceOf(member), member.Summary.Text, member.FullTypeName)).DistinctBy(pair => pair.Source)]);
    }

    /// <summary>Holds pairs out, always the same: groups in a pseudo-random order, until they are as many as wanted.</summary>
    /// <param name="validationFraction">The share that is held out, from 0 to below 1; 0 for none.</param>
    /// <returns>What is left to learn from, and what is held out, null where nothing is.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The share is out of range.</exception>
    /// <exception cref="CorpusException">Nothing would be left to learn from.</exception>
    public (TextPairs Train, TextPairs? Validation) Split(double validationFraction)
    {
        var (train, held) = HeldOut.Split(Examples, pair => pair.Group, validationFraction, "pairs");
        return held.Count == 0 ? (this, null) : (new(train), new(held));
    }

    internal static string SourceOf(SdkMember member) =>
        $"{member.Kind.ToString().ToLowerInvariant()} {(member.Kind == SdkMemberKind.Type ? member.FullTypeName : $"{member.TypeName}.{member.Signature}")}";

    private string Hash()
    {
        using var hash = new ContentHash();
        foreach (TextPair pair in Examples)
        {
            hash.Add(pair.Source);
            hash.Add(pair.Target);
        }
        return hash.Finish();
    }

    private static (TextPair? Value, string? Fault) Parse(ReadOnlySpan<byte> line, TextPairOptions options)
    {
        if (JsonMembers.Object(line, $"{{\"{options.SourceField}\": …, \"{options.TargetField}\": …}}", out string? fault) is not { } root) return (null, fault);
        return JsonMembers.Text(root, options.SourceField, out fault) is { } source && JsonMembers.Text(root, options.TargetField, out fault) is { } target ? (new(source, target), null) : (null, fault);
    }

    private static ReadLine<TextPair> Parse(SourceFile file, ReadLine<string[]> row, TextPairOptions options)
    {
        if (row.Value is not [var source, var target]) return new(row.Line, null, row.Fault);
        string? empty = string.IsNullOrWhiteSpace(source) ? options.SourceField : string.IsNullOrWhiteSpace(target) ? options.TargetField : null;
        return empty is null ? new(row.Line, new(source, target), null) : new(row.Line, null, ReadLine.Broken(file, row.Line, $"its {empty} is empty", null));
    }
}
