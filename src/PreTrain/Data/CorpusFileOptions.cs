namespace PreTrain.Data;

/// <summary>How <see cref="CorpusFiles"/> reads its files.</summary>
public sealed record CorpusFileOptions
{
    /// <summary>What the files hold.</summary>
    /// <value>The default is <see cref="CorpusFormat.Auto"/>: as each file's name says.</value>
    public CorpusFormat Format { get; init; } = CorpusFormat.Auto;

    /// <summary>The member of a JSON object, or the column of a CSV file, that holds the text.</summary>
    /// <value>The default is "text".</value>
    public string TextField { get; init; } = "text";

    /// <summary>What separates the fields of a CSV file.</summary>
    /// <value>The default is <see langword="null"/>: a tab in files named .tsv, else a comma.</value>
    public char? Separator { get; init; }

    /// <summary>The local name of the XML elements that are documents.</summary>
    /// <value>The default is <see langword="null"/>: the root, so that a file is one document.</value>
    public string? XmlElement { get; init; }

    /// <summary>How many broken records (a line, a row, a page) of one pass are left out before the next one stops it.</summary>
    /// <value>The default is 0: the first broken record stops the pass.</value>
    public int SkipBroken { get; init; }

    /// <summary>Whether bytes that are not UTF-8 become U+FFFD, instead of making their record a broken one.</summary>
    /// <value>The default is <see langword="false"/>.</value>
    public bool ReplaceInvalid { get; init; }

    /// <summary>Whether the lines of a page that are mostly links, and its navigation, forms and footers, are left out.</summary>
    /// <value>The default is <see langword="true"/>.</value>
    public bool RemoveBoilerplate { get; init; } = true;

    /// <summary>Checks all values.</summary>
    /// <exception cref="ArgumentException">Some are out of range; the message lists all of them.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (!Enum.IsDefined(Format))
            faults.Add($"Format ({(int)Format}) must be Auto, Text, JsonLines, Csv, Html or Xml.");
        if (string.IsNullOrEmpty(TextField))
            faults.Add("TextField must not be empty; it names the member or column that holds the text.");
        if (Separator is '"' or '\r' or '\n')
            faults.Add($"Separator (U+{(int)Separator:X4}) must be neither a quote nor the end of a line.");
        if (XmlElement is { Length: 0 })
            faults.Add("XmlElement must not be empty; leave it null to take the root.");
        if (SkipBroken < 0)
            faults.Add($"SkipBroken ({SkipBroken}) must be 0 (stop at the first) or more.");
        if (faults.Count > 0)
            throw new ArgumentException(string.Join(Environment.NewLine, faults));
    }
}
