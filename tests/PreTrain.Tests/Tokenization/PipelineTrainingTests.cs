using PreTrain.Tokenization;

namespace PreTrain.Tests.Tokenization;

public class PipelineTrainingTests
{
    public static TheoryData<string> Algorithms() => ["wordpiece", "bpe", "bpe-bytes", "unigram", "words"];

    [Theory]
    [MemberData(nameof(Algorithms))]
    public void Train_SavedAndLoaded_IsTheSameTokenizer(string algorithm)
    {
        PipelineTokenizer tokenizer = Train(algorithm, 1);
        using var folder = new TemporaryFolder();
        tokenizer.Save(folder.Path);
        TextTokenizer again = TextTokenizer.Load(folder.Path);

        Assert.Equal(tokenizer.Fingerprint, again.Fingerprint);
        Assert.Equal(tokenizer.Fingerprint, Train(algorithm, 3).Fingerprint);
        Assert.Equal(tokenizer.SpecialTokens, again.SpecialTokens);
        foreach (string text in PipelineFixture.Texts)
            Assert.Equal(tokenizer.Tokenize(text).Ids.ToArray(), again.Tokenize(text).Ids.ToArray());
    }

    [Fact]
    public void Train_WordPiece_PutsItsSpecialTokensAround()
    {
        PipelineTokenizer tokenizer = Train("wordpiece", 0);
        TokenEncoding encoding = tokenizer.Tokenize("The sequence", "is empty");
        Assert.Equal(("[CLS]", "[SEP]", "[SEP]"), (encoding.Tokens[0], encoding.Tokens[encoding.Count - 1], encoding.Tokens[encoding.SequenceIds.IndexOf(1) - 1]));
        Assert.Equal("the sequence is empty", tokenizer.Decode(encoding.Ids, skipSpecialTokens: true));
    }

    [Fact]
    public void Train_BpeWithByteFallback_DecodesWhatItHasNotSeen() =>
        Assert.Equal("Returns 🙂 ok", Train("bpe-bytes", 0).Decode(Train("bpe-bytes", 0).Encode("Returns 🙂 ok")));

    private static PipelineTokenizer Train(string algorithm, int threads) => algorithm switch
    {
        "wordpiece" => PipelineTokenizer.TrainWordPiece(BpeFixture.Corpus, new() { VocabSize = 900, Threads = threads }, cancellation: TestContext.Current.CancellationToken),
        "bpe" => PipelineTokenizer.TrainBpe(BpeFixture.Corpus, new() { VocabSize = 700, Threads = threads }, cancellation: TestContext.Current.CancellationToken),
        "bpe-bytes" => PipelineTokenizer.TrainBpe(BpeFixture.Corpus, new() { VocabSize = 900, ByteFallback = true, Threads = threads }, cancellation: TestContext.Current.CancellationToken),
        "unigram" => PipelineTokenizer.TrainUnigram(BpeFixture.Corpus, new() { VocabSize = 500, Threads = threads }, cancellation: TestContext.Current.CancellationToken),
        _ => PipelineTokenizer.TrainWordLevel(BpeFixture.Corpus, new() { VocabSize = 300, Threads = threads }, cancellation: TestContext.Current.CancellationToken),
    };
}
