namespace PreTrain.Data.Masking;

/// <summary>What is masked together.</summary>
public enum MaskingUnit
{
    /// <summary>Single tokens (Devlin et al. 2019, section 3.1).</summary>
    Token,

    /// <summary>All tokens of a word, as in BERT's later models.</summary>
    WholeWord,

    /// <summary>Spans of words with geometric lengths, each replaced in one way (Joshi et al. 2020, "SpanBERT", section 3.1).</summary>
    Span,

    /// <summary>Up to a few words, n with a probability proportional to 1/n (Lan et al. 2020, "ALBERT", section 4.1).</summary>
    NGram,

    /// <summary>The phrases and entities of a lexicon, and elsewhere whole words (Sun et al. 2019, "ERNIE", section 3.2).</summary>
    Entity,
}
