namespace PreTrain.Data;

/// <summary>Keeps the documents of some languages, and drops those of others and those whose language cannot be told.</summary>
public sealed class LanguageFilter : CorpusStep
{
    private readonly HashSet<string> languages;

    /// <summary>Creates the step.</summary>
    /// <param name="languages">Codes of ISO 639-1, of those in <see cref="LanguageIdentifier.Languages"/>.</param>
    /// <exception cref="ArgumentException">There is none, or one is not known.</exception>
    public LanguageFilter(params string[] languages)
    {
        ArgumentNullException.ThrowIfNull(languages);
        if (languages.Length == 0)
            throw new ArgumentException("No language was given; pass at least one, such as \"en\".", nameof(languages));
        foreach (var language in languages)
        {
            if (!LanguageIdentifier.Languages.Contains(language))
                throw new ArgumentException($"The language '{language}' is not known; known are {string.Join(", ", LanguageIdentifier.Languages)}.", nameof(languages));
        }
        this.languages = [.. languages];
    }

    /// <inheritdoc/>
    public override string Name => "language";

    /// <inheritdoc/>
    protected internal override void Process(string document, CorpusStepOutput output)
    {
        ArgumentNullException.ThrowIfNull(output);
        var language = LanguageIdentifier.Identify(document);
        if (language is null)
            output.Drop("language unknown");
        else if (languages.Contains(language))
            output.Keep(document);
        else
            output.Drop($"language {language}");
    }
}
