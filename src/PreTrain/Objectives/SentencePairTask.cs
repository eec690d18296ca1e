namespace PreTrain.Objectives;

/// <summary>What is predicted of two segments.</summary>
public enum SentencePairTask
{
    /// <summary>Whether the second follows the first in the text, or comes from another document (Devlin et al. 2019, section 3.1).</summary>
    NextSentence,

    /// <summary>Whether two consecutive segments are in their order, or exchanged (Lan et al. 2020, section 3.1).</summary>
    SentenceOrder,
}
