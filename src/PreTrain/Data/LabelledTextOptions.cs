namespace PreTrain.Data;

/// <summary>How files of labelled texts are read.</summary>
public sealed record LabelledTextOptions
{
    /// <summary>What the texts are labelled with.</summary>
    /// <value>The default is <see cref="ClassificationTask.SingleLabel"/>.</value>
    public ClassificationTask Task { get; init; }

    /// <summary>What the files hold: <see cref="CorpusFormat.JsonLines"/>, <see cref="CorpusFormat.Csv"/>, or what their names say.</summary>
    /// <value>The default is <see cref="CorpusFormat.Auto"/>.</value>
    public CorpusFormat Format { get; init; }

    /// <summary>The member of a JSON line, or the column of a CSV file, that holds the text.</summary>
    /// <value>The default is "text".</value>
    public string TextField { get; init; } = "text";

    /// <summary>The one that holds the second text of a pair; null for none.</summary>
    /// <value>The default is null.</value>
    public string? PairField { get; init; }

    /// <summary>The one that holds the label: in JSON a text or a whole number, a list of them for several labels, a number for <see cref="ClassificationTask.Regression"/>.</summary>
    /// <value>The default is "label".</value>
    public string LabelField { get; init; } = "label";

    /// <summary>What stands between several labels of a CSV field.</summary>
    /// <value>The default is a vertical bar.</value>
    public char LabelSeparator { get; init; } = '|';

    /// <summary>What separates the fields of a CSV file; null for a tab in files named .tsv, else a comma.</summary>
    /// <value>The default is null.</value>
    public char? Separator { get; init; }

    /// <summary>The labels that may occur, of <see cref="ClassificationTask.SingleLabel"/> at least two; null for those that do.</summary>
    /// <value>The default is null.</value>
    public LabelSet? Labels { get; init; }

    /// <summary>The largest number that a label of <see cref="ClassificationTask.Regression"/> may be, below 0 as above it; null for any.</summary>
    /// <value>The default is null.</value>
    public double? LargestValue { get; init; }

    /// <summary>Checks all values.</summary>
    /// <exception cref="ArgumentException">Some are out of range; the message lists all of them.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (!Enum.IsDefined(Task)) faults.Add($"Task ({(int)Task}) must be SingleLabel, MultiLabel or Regression.");
        if (Format is not (CorpusFormat.Auto or CorpusFormat.JsonLines or CorpusFormat.Csv)) faults.Add($"Format ({Format}) must be Auto, JsonLines or Csv; other files hold no labels.");
        string[] fields = [TextField, .. PairField is null ? Array.Empty<string>() : [PairField], LabelField];
        if (fields.Any(string.IsNullOrEmpty)) faults.Add("TextField, PairField and LabelField must not be empty.");
        else if (fields.Distinct().Count() < fields.Length) faults.Add($"TextField, PairField and LabelField ({string.Join(", ", fields)}) must be different.");
        if (Separator is '"' or '\r' or '\n') faults.Add($"Separator (U+{(int)Separator:X4}) must be neither a quote nor the end of a line.");
        if (Task == ClassificationTask.Regression && Labels is not null) faults.Add("Labels are names of classes, and Task (Regression) has numbers.");
        if (Task == ClassificationTask.SingleLabel && Labels is { Count: < 2 }) faults.Add($"Labels ({string.Join(", ", Labels.Names)}) must be at least two where each text has one: there is nothing to tell apart.");
        if (LargestValue is { } largest && !(largest > 0 && double.IsFinite(largest))) faults.Add(FormattableString.Invariant($"LargestValue ({largest}) must be positive and finite."));
        if (faults.Count > 0) throw new ArgumentException(string.Join(Environment.NewLine, faults));
    }
}
