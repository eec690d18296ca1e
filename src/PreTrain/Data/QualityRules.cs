namespace PreTrain.Data;

/// <summary>A set of rules of <see cref="QualityFilter"/>.</summary>
[Flags]
public enum QualityRules
{
    /// <summary>No rule.</summary>
    None = 0,

    /// <summary>Gopher's rules of quality: number and length of words, symbols, bullets, ellipses, stop words (Rae et al. 2021, appendix A.1.1).</summary>
    GopherQuality = 1,

    /// <summary>Gopher's rules of repetition: lines, paragraphs and n-grams (Rae et al. 2021, appendix A.1.1, table A1).</summary>
    GopherRepetition = 2,

    /// <summary>Both sets of Gopher's rules.</summary>
    Gopher = GopherQuality | GopherRepetition,

    /// <summary>C4's rules: lines that end as sentences do, and what marks a page as no text (Raffel et al. 2020, section 2.2).</summary>
    C4 = 4,
}
