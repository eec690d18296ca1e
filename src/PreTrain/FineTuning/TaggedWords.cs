using PreTrain.Tokenization;

namespace PreTrain.FineTuning;

/// <summary>What a <see cref="NameFinder"/> says of a text.</summary>
/// <param name="Words">Where the words are.</param>
/// <param name="Tags">The tag of each word.</param>
/// <param name="Probabilities">The probability of each word's tag; 1 of a word that the tokenizer knows no token for, which is outside.</param>
/// <param name="Names">The names that the tags make up: one begins with <c>B-TYPE</c>, or with an <c>I-TYPE</c> that goes on with nothing.</param>
public sealed record TaggedWords(IReadOnlyList<TokenSpan> Words, IReadOnlyList<string> Tags, IReadOnlyList<double> Probabilities, IReadOnlyList<FoundName> Names);
