namespace PreTrain.Data;

/// <summary>
/// Documents of text, JSON lines, CSV, HTML and XML files, plain or compressed with gzip or Brotli, in ordinal order of the files' full paths and in the
/// order of the records within each.
/// </summary>
/// <remarks>
/// Files are read as streams; lines and rows are held one at a time. gzip is known by its first bytes, Brotli by the name's ending <c>.br</c>. A record that
/// cannot be read stops the pass, unless <see cref="CorpusFileOptions.SkipBroken"/> allows for it. A compressed file that is damaged, and a file that is
/// changed while it is read, stop it always.
/// </remarks>
public sealed class CorpusFiles : TextCorpus
{
    private readonly CorpusFileOptions options;
    private volatile List<CorpusException> skipped = [];

    /// <summary>Finds the files; their contents are read when the corpus is enumerated.</summary>
    /// <param name="filesOrGlobs">Files and patterns, as <see cref="TextCorpus.FromFiles(string[])"/> takes them.</param>
    /// <param name="options">How they are read.</param>
    /// <exception cref="ArgumentException">No file or pattern was given, or an option is out of range.</exception>
    /// <exception cref="CorpusException">A file is missing, empty or unreadable, or a pattern matches nothing.</exception>
    public CorpusFiles(string[] filesOrGlobs, CorpusFileOptions? options = null)
    {
        this.options = options ?? new CorpusFileOptions();
        this.options.Validate();
        Files = FileSelection.Resolve(filesOrGlobs);
    }

    /// <summary>The files' full paths, in the order of reading.</summary>
    public IReadOnlyList<string> Files { get; }

    /// <summary>The broken records that the pass begun last has left out so far: their files, lines and faults.</summary>
    public IReadOnlyList<CorpusException> Skipped
    {
        get
        {
            var list = skipped;
            lock (list)
                return [.. list];
        }
    }

    /// <inheritdoc/>
    /// <exception cref="CorpusException">More records are broken than may be left out, or a file is damaged or changes while it is read.</exception>
    public override IEnumerator<string> GetEnumerator()
    {
        var broken = new List<CorpusException>();
        skipped = broken;
        foreach (var path in Files)
        {
            using var file = new SourceFile(path);
            foreach (var (text, fault) in Records(file))
            {
                if (fault is null)
                {
                    yield return text!;
                    continue;
                }
                // A file that was cut off while it was read ends in a broken record; its change is the fault.
                file.CheckUnchanged();
                lock (broken)
                {
                    if (broken.Count < options.SkipBroken)
                    {
                        broken.Add(fault);
                        continue;
                    }
                }
                throw options.SkipBroken == 0 ? fault : new CorpusException(
                    $"{fault.Message} It is broken record {options.SkipBroken + 1} of this pass, and SkipBroken ({options.SkipBroken}) allows for fewer.",
                    fault.File!, fault.Line ?? 0, fault);
            }
            file.CheckUnchanged();
        }
    }

    /// <summary>The format of a file by its name.</summary>
    internal static CorpusFormat FormatOf(string path)
    {
        var name = Path.GetFileName(path);
        if (SourceFile.CompressionEnding(name) is { } ending)
            name = name[..^ending.Length];
        return Path.GetExtension(name).ToLowerInvariant() switch
        {
            ".jsonl" or ".ndjson" or ".json" => CorpusFormat.JsonLines,
            ".csv" or ".tsv" => CorpusFormat.Csv,
            ".html" or ".htm" or ".xhtml" => CorpusFormat.Html,
            ".xml" => CorpusFormat.Xml,
            _ => CorpusFormat.Text,
        };
    }

    private IEnumerable<CorpusRecord> Records(SourceFile file) => (options.Format == CorpusFormat.Auto ? FormatOf(file.Path) : options.Format) switch
    {
        CorpusFormat.JsonLines => JsonLinesReader.Read(file, options.TextField, options.ReplaceInvalid),
        CorpusFormat.Csv => CsvReader.Read(file, options.TextField, options.Separator ?? SeparatorOf(file.Path), options.ReplaceInvalid),
        CorpusFormat.Xml => XmlTextReader.Read(file, options.XmlElement),
        CorpusFormat.Html => Whole(file, html => HtmlText.Extract(html, options.RemoveBoilerplate)),
        _ => Whole(file, text => text),
    };

    /// <summary>What separates the fields of a CSV file, by its name.</summary>
    internal static char SeparatorOf(string path) => Path.GetFileName(path).Contains(".tsv", StringComparison.OrdinalIgnoreCase) ? '\t' : ',';

    private IEnumerable<CorpusRecord> Whole(SourceFile file, Func<string, string> convert)
    {
        CorpusRecord record;
        try
        {
            record = new CorpusRecord(convert(file.ReadAllText(options.ReplaceInvalid)), null);
        }
        catch (CorpusException e) when (e.ByteOffset is not null)
        {
            record = new CorpusRecord(null, e);
        }
        yield return record;
    }
}

/// <summary>A document, or why it could not be read.</summary>
internal readonly record struct CorpusRecord(string? Text, CorpusException? Fault);
