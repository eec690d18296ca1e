namespace PreTrain.Tokenization;

/// <summary>What a tokenizer is made of; <see langword="null"/> for what it has not.</summary>
/// <param name="Model">The model: BPE, WordPiece, WordLevel, Unigram; or the class of a tokenizer that is none of Hugging Face's.</param>
/// <param name="Normalizer">What rewrites texts, several with a plus between them.</param>
/// <param name="PreTokenizer">What cuts texts into pieces.</param>
/// <param name="PostProcessor">What puts special tokens around texts.</param>
/// <param name="Decoder">What makes text of tokens.</param>
public sealed record TokenizerDescription(string Model, string? Normalizer, string? PreTokenizer, string? PostProcessor, string? Decoder);
