namespace PreTrain.Data;

/// <summary>How files of texts that belong together are read.</summary>
public sealed record ContrastiveTextOptions
{
    /// <summary>What the files hold: <see cref="CorpusFormat.JsonLines"/>, <see cref="CorpusFormat.Csv"/>, or what their names say.</summary>
    /// <value>The default is <see cref="CorpusFormat.Auto"/>.</value>
    public CorpusFormat Format { get; init; }

    /// <summary>The member of a JSON line, or the column of a CSV file, that holds the text.</summary>
    /// <value>The default is "anchor".</value>
    public string AnchorField { get; init; } = "anchor";

    /// <summary>The one that holds the text that belongs to it.</summary>
    /// <value>The default is "positive".</value>
    public string PositiveField { get; init; } = "positive";

    /// <summary>The one that holds a text that does not, in JSON a list of them too; null for none.</summary>
    /// <value>The default is null.</value>
    public string? NegativeField { get; init; }

    /// <summary>What separates the fields of a CSV file; null for a tab in files named .tsv, else a comma.</summary>
    /// <value>The default is null.</value>
    public char? Separator { get; init; }

    /// <summary>Checks all values.</summary>
    /// <exception cref="ArgumentException">Some are out of range; the message lists all of them.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (Format is not (CorpusFormat.Auto or CorpusFormat.JsonLines or CorpusFormat.Csv)) faults.Add($"Format ({Format}) must be Auto, JsonLines or Csv; other files hold no pairs.");
        string[] fields = [AnchorField, PositiveField, .. NegativeField is null ? Array.Empty<string>() : [NegativeField]];
        if (fields.Any(string.IsNullOrEmpty)) faults.Add("AnchorField, PositiveField and NegativeField must not be empty.");
        else if (fields.Distinct().Count() < fields.Length) faults.Add($"AnchorField, PositiveField and NegativeField ({string.Join(", ", fields)}) must be different.");
        if (Separator is '"' or '\r' or '\n') faults.Add($"Separator (U+{(int)Separator:X4}) must be neither a quote nor the end of a line.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(Environment.NewLine, faults));
    }
}
