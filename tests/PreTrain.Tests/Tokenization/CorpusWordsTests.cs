using PreTrain.Tokenization;
using static PreTrain.Tests.Tokenization.TrainedVocabularyFixture;

namespace PreTrain.Tests.Tokenization;

public class CorpusWordsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Count_WithinLittleMemory_CountsAsWithMuch(int threads)
    {
        string[] corpus = [.. Enumerable.Range(0, 60).Select(i => string.Join(' ', Enumerable.Range(0, 20_000).Select(k => $"w{(i * 7919L + k * 31L) % 9000}")))];
        WordCounter all = CorpusWords.Count(corpus, BlankSplitter.Instance, threads, null, TestContext.Current.CancellationToken);
        WordCounter little = CorpusWords.Count(corpus, BlankSplitter.Instance, threads, null, TestContext.Current.CancellationToken, all.Bytes);
        Assert.Equal(9000, all.Count);
        Assert.Equal(60 * 20_000, Counts(all).Values.Sum());
        Assert.Equal(Counts(all), Counts(little));
    }

    [Fact]
    public void Count_WordsThatDoNotFit_KeepsTheMostFrequentOnAnyThreads()
    {
        string[] corpus = [.. Enumerable.Range(0, 200).Select(i => string.Join(' ', Enumerable.Range(0, 8_000).Select(k => k % 4 == 0 ? $"often{k % 500}" : $"rare{i * 8000 + k}")))];
        var counts = new List<Dictionary<string, long>>();
        for (int threads = 1; threads <= 4; threads += 3)
            counts.Add(Counts(CorpusWords.Count(corpus, BlankSplitter.Instance, threads, null, TestContext.Current.CancellationToken, 1 << 20)));
        Assert.Equal(counts[0], counts[1]);
        Assert.Equal(125, counts[0].Keys.Count(word => word.StartsWith("often", StringComparison.Ordinal)));
        Assert.InRange(counts[0].Count, 10_000, 18_000);
        Assert.True(counts[0].Keys.Sum(word => WordCounter.BytesOf(word.Length)) <= 1 << 20);
    }

    private static Dictionary<string, long> Counts(WordCounter words)
    {
        var counts = new SortedDictionary<string, long>(StringComparer.Ordinal);
        for (int i = 0; i < words.Count; i++)
            counts.Add(words.Word(i).ToString(), words.CountOf(i));
        return new(counts);
    }
}
