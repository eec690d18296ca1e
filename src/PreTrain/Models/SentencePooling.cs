namespace PreTrain.Models;

/// <summary>How the hidden states of a text's tokens become one vector.</summary>
public enum SentencePooling
{
    /// <summary>The mean of all tokens (Reimers and Gurevych 2019, "Sentence-BERT", section 3).</summary>
    Mean,

    /// <summary>The first token, <c>[CLS]</c>.</summary>
    First,

    /// <summary>The largest value of each column.</summary>
    Max,

    /// <summary>The last token, which alone has seen all others where each sees those before it.</summary>
    Last,
}
