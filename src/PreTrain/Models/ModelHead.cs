namespace PreTrain.Models;

/// <summary>What a model computes from its last hidden states.</summary>
public enum ModelHead
{
    /// <summary>Nothing: the hidden states themselves.</summary>
    None,

    /// <summary>The scores of every token at every position, from both sides.</summary>
    MaskedLanguageModel,

    /// <summary>Whether a second segment follows a first.</summary>
    NextSentence,

    /// <summary><see cref="MaskedLanguageModel"/> and <see cref="NextSentence"/> together.</summary>
    PreTraining,

    /// <summary>A class, or numbers, for a whole sequence.</summary>
    SequenceClassification,

    /// <summary>A class for every token.</summary>
    TokenClassification,

    /// <summary>Where an answer starts and ends.</summary>
    QuestionAnswering,

    /// <summary>Whether each token was replaced.</summary>
    ReplacedTokenDetection,

    /// <summary>The scores of the next token.</summary>
    CausalLanguageModel,

    /// <summary>The scores of the next token of a second sequence.</summary>
    SequenceToSequence,

    /// <summary>A class for an image.</summary>
    ImageClassification,

    /// <summary>The pixels that were hidden.</summary>
    MaskedAutoencoder,
}
