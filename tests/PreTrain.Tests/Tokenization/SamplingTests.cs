using PreTrain.Tokenization;

namespace PreTrain.Tests.Tokenization;

public sealed class SamplingTests
{
    private const string Text = "the lowest newest widest <|endoftext|> towns, slower than the lower ones";

    private static readonly string[] s_corpus = [.. Enumerable.Repeat("the lower lowest newest newer widest wider slow slower town towns than ones, and low low low low new new new", 20)];

    public static TheoryData<string> Algorithms => ["byte-bpe", "bpe", "unigram"];

    private static PipelineTokenizer Train(string algorithm) => algorithm switch
    {
        "byte-bpe" => ByteLevelBpeTokenizer.Train(s_corpus, new() { VocabSize = 320 }),
        "bpe" => PipelineTokenizer.TrainBpe(s_corpus, new() { VocabSize = 80, InitialAlphabet = ["<", "|", ">", "f", "x"] }),
        _ => PipelineTokenizer.TrainUnigram(s_corpus, new() { VocabSize = 60, InitialAlphabet = ["<", "|", ">", "f", "x"] }),
    };

    private static int[] Sample(PipelineTokenizer tokenizer, SubwordSamplingOptions options)
    {
        var ids = new List<int>();
        tokenizer.Sample(Text, ids, options);
        return [.. ids];
    }

    [Theory]
    [MemberData(nameof(Algorithms))]
    public void Sample_AnySeed_CutsOtherwiseAndKeepsTheText(string algorithm)
    {
        PipelineTokenizer tokenizer = Train(algorithm);
        int[] best = tokenizer.Encode(Text);
        var options = new SubwordSamplingOptions { Dropout = 0.5, Alpha = 0.2 };

        int[][] samples = [.. Enumerable.Range(0, 20).Select(seed => Sample(tokenizer, options with { Seed = (ulong)seed }))];

        Assert.All(samples, ids => Assert.Equal(tokenizer.Decode(best), tokenizer.Decode(ids)));
        Assert.True(samples.Select(ids => string.Join(' ', ids)).Distinct().Count() > 10);
        Assert.Equal(samples[3], Sample(tokenizer, options with { Seed = 3 }));
        Assert.Equal(best, tokenizer.Encode(Text));
    }

    [Theory]
    [MemberData(nameof(Algorithms))]
    public void Sample_NothingLeftToChance_IsTheBestWay(string algorithm)
    {
        PipelineTokenizer tokenizer = Train(algorithm);

        Assert.Equal(tokenizer.Encode(Text), Sample(tokenizer, new() { Dropout = 0, Alpha = 1e4 }));
    }

    [Fact]
    public void Sample_DropoutOfOne_GivesSingleCharacters()
    {
        PipelineTokenizer tokenizer = Train("bpe");

        int[] ids = Sample(tokenizer, new() { Dropout = 1 });

        Assert.All(ids, id => Assert.Equal(1, tokenizer.IdToToken(id)!.Length));
    }

    [Fact]
    public void Sample_ModelOrOptionThatDoesNotFit_IsRefused()
    {
        var words = PipelineTokenizer.TrainWordPiece(s_corpus, new() { VocabSize = 100 }, cancellation: TestContext.Current.CancellationToken);

        var fault = Assert.Throws<InvalidOperationException>(() => Sample(words, new()));
        Assert.Equal("A WordPiece model cuts a word in one way only; sampling needs BPE or Unigram.", fault.Message);
        Assert.StartsWith("Dropout (2) must be from 0 to 1.", Assert.Throws<ArgumentException>(() => Sample(Train("bpe"), new() { Dropout = 2 })).Message);
    }
}
