namespace PreTrain.Data;

/// <summary>Drops documents that are hardly prose, by the rules that Gopher's and C4's corpora were made with.</summary>
/// <remarks>
/// Gopher: Rae et al., "Scaling language models: methods, analysis and insights from training Gopher", 2021, appendix A.1.1. C4: Raffel et al., "Exploring the
/// limits of transfer learning with a unified text-to-text transformer", JMLR 2020, section 2.2; its list of indecent words
/// (<see cref="WordListFilter"/>), its deduplication of spans of three sentences (<see cref="SpanDeduplication"/>) and its choice of English are steps of their own. C4's rules come first: they remove lines.
/// </remarks>
public sealed class QualityFilter : CorpusStep
{
    private readonly QualityRules rules;

    /// <summary>Creates the step.</summary>
    /// <param name="rules">The rules that documents must fulfil.</param>
    /// <exception cref="ArgumentException">No known rule is named.</exception>
    public QualityFilter(QualityRules rules)
    {
        if (rules == QualityRules.None || (rules & ~(QualityRules.Gopher | QualityRules.C4)) != 0)
            throw new ArgumentException($"rules ({rules}) must name at least one of GopherQuality, GopherRepetition and C4, and nothing else.", nameof(rules));
        this.rules = rules;
    }

    /// <inheritdoc/>
    public override string Name => "quality";

    /// <inheritdoc/>
    protected internal override void Process(string document, CorpusStepOutput output)
    {
        ArgumentNullException.ThrowIfNull(document);
        ArgumentNullException.ThrowIfNull(output);
        string? reason = null;
        if (rules.HasFlag(QualityRules.C4))
        {
            (document, var lines, reason) = C4Rules.Apply(document);
            output.Count("C4: lines removed", lines);
        }
        if (reason is null && rules.HasFlag(QualityRules.GopherQuality))
            reason = GopherRules.Quality(document);
        if (reason is null && rules.HasFlag(QualityRules.GopherRepetition))
            reason = GopherRules.Repetition(document);
        if (reason is null)
            output.Keep(document);
        else
            output.Drop(reason);
    }
}
