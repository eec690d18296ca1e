namespace PreTrain.Data;

/// <summary>How files of text pairs are read.</summary>
public sealed record TextPairOptions
{
    /// <summary>What the files hold: <see cref="CorpusFormat.JsonLines"/>, <see cref="CorpusFormat.Csv"/>, or what their names say.</summary>
    /// <value>The default is <see cref="CorpusFormat.Auto"/>.</value>
    public CorpusFormat Format { get; init; }

    /// <summary>The member of a JSON line, or the column of a CSV file, that holds the text to read.</summary>
    /// <value>The default is "source".</value>
    public string SourceField { get; init; } = "source";

    /// <summary>The one that holds the text to write.</summary>
    /// <value>The default is "target".</value>
    public string TargetField { get; init; } = "target";

    /// <summary>What separates the fields of a CSV file; null for a tab in files named .tsv, else a comma.</summary>
    /// <value>The default is null.</value>
    public char? Separator { get; init; }

    /// <summary>Checks all values.</summary>
    /// <exception cref="ArgumentException">Some are out of range; the message lists all of them.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (Format is not (CorpusFormat.Auto or CorpusFormat.JsonLines or CorpusFormat.Csv)) faults.Add($"Format ({Format}) must be Auto, JsonLines or Csv; other files hold no pairs.");
        if (string.IsNullOrEmpty(SourceField) || string.IsNullOrEmpty(TargetField)) faults.Add("SourceField and TargetField must not be empty.");
        else if (SourceField == TargetField) faults.Add($"SourceField and TargetField ({SourceField}) must be different.");
        if (Separator is '"' or '\r' or '\n') faults.Add($"Separator (U+{(int)Separator:X4}) must be neither a quote nor the end of a line.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(Environment.NewLine, faults));
    }
}
