namespace PreTrain.Data;

/// <summary>What <see cref="TextCleaning"/> does.</summary>
public sealed record TextCleaningOptions
{
    /// <summary>Whether documents are HTML and become the text of the page.</summary>
    /// <value>The default is <see langword="false"/>.</value>
    public bool RemoveHtml { get; init; }

    /// <summary>With <see cref="RemoveHtml"/>: whether navigation, forms, footers and lines that are mostly links go too.</summary>
    /// <value>The default is <see langword="true"/>.</value>
    public bool RemoveBoilerplate { get; init; } = true;

    /// <summary>The normal form that texts are brought into.</summary>
    /// <value>The default is <see cref="TextNormalForm.Nfc"/>.</value>
    public TextNormalForm NormalForm { get; init; } = TextNormalForm.Nfc;

    /// <summary>
    /// Whether control characters, but for tab and line feed, the byte order mark, the soft hyphen, the zero-width space and lone surrogates go, and the ends of
    /// lines become line feeds.
    /// </summary>
    /// <value>The default is <see langword="true"/>.</value>
    public bool RemoveControlCharacters { get; init; } = true;

    /// <summary>Whether white space at the ends of lines, more than one empty line in a row, and empty lines at the start and the end go.</summary>
    /// <value>The default is <see langword="true"/>.</value>
    public bool TidyLines { get; init; } = true;

    /// <summary>Checks all values.</summary>
    /// <exception cref="ArgumentException">Some are out of range.</exception>
    public void Validate()
    {
        if (!Enum.IsDefined(NormalForm))
            throw new ArgumentException($"NormalForm ({(int)NormalForm}) must be None, Nfc, Nfd, Nfkc or Nfkd.");
    }
}
