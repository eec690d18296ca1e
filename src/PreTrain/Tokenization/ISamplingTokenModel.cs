namespace PreTrain.Tokenization;

/// <summary>A model that can cut a piece in other ways than the best one, at random.</summary>
internal interface ISamplingTokenModel : ITokenModel
{
    /// <summary>Appends the tokens of one way to cut the piece.</summary>
    void Sample(ReadOnlySpan<char> piece, TokenBuffer output, SubwordSamplingOptions options, SampleStream random);
}
