using System.Text;
using System.Text.Json;
using PreTrain.Tokenization;
using static PreTrain.Tests.Tokenization.TrainedVocabularyFixture;

namespace PreTrain.Tests.Tokenization;

public class UnigramTrainerTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Train_CorpusOfTheReference_FindsItsPiecesAndScores(int index)
    {
        JsonElement expected = Root.GetProperty("unigram")[index];
        JsonElement given = expected.GetProperty("options");
        UnigramModel model = UnigramTrainer.Train(
            Words(),
            new()
            {
                VocabSize = Number(given, "vocab_size")!.Value,
                MaxPieceLength = Number(given, "max_piece_length") ?? 16,
                SubIterationCount = Number(given, "n_sub_iterations") ?? 2,
                ShrinkingFactor = given.TryGetProperty("shrinking_factor", out JsonElement factor) ? factor.GetDouble() : 0.75,
                InitialAlphabet = Strings(given, "initial_alphabet"),
            },
            cancellation: TestContext.Current.CancellationToken);

        Dictionary<string, double> scores = expected.GetProperty("vocabulary").EnumerateArray().ToDictionary(p => p[0].GetString()!, p => p[1].GetDouble());
        Assert.Equal(scores.Keys.Order(StringComparer.Ordinal), Tokens(model).Order(StringComparer.Ordinal));
        Assert.Equal("<unk>", model.TokenOf(model.UnknownId!.Value));
        // Characters that are no piece of their own get scores from the lowest one up, in the order of a hash table.
        double lowest = scores.Values.Min();
        foreach ((string token, double score) in model.Pieces)
            Assert.InRange(scores[token], score - 1e-9 - (score < lowest + 0.01 ? 0.01 : 0), score + 1e-9 + (score < lowest + 0.01 ? 0.01 : 0));
    }

    [Fact]
    public void Train_SmallCorpus_RaisesItsProbability()
    {
        // Each round of EM without dropping anything cannot make the corpus less likely, but for the sparse prior.
        (string Word, long Count)[] words = [("abab", 40), ("ab", 70), ("ba", 9), ("abc", 31)];
        var candidates = new UnigramCandidates([.. UnigramSeeds.Find(words, new(), TestContext.Current.CancellationToken).Select(s => (s.Piece, Math.Log(s.Weight / 1000)))]);
        var lattice = new UnigramCandidates.Lattice();
        double before = double.NegativeInfinity;
        for (int round = 0; round < 6; round++)
        {
            double[] expected = new double[candidates.Unknown + 1];
            double likelihood = words.Sum(w => w.Count * candidates.AddExpected(Encoding.UTF8.GetBytes(w.Word), w.Count, expected, lattice));
            Assert.True(round < 2 || likelihood > before - 1, $"round {round}: {likelihood} after {before}");
            before = likelihood;
            candidates.Estimate(expected);
        }
    }

    [Fact]
    public void AddExpected_AnyWord_CountsOverAllWays()
    {
        (string, double)[] pieces = [("a", -1), ("b", -1.5), ("ab", -2.1), ("ba", -2.3), ("aba", -3.1)];
        var candidates = new UnigramCandidates(pieces);
        double[] expected = new double[pieces.Length + 1], sums = new double[pieces.Length + 1];
        double z = candidates.AddExpected("ababa"u8, 3, expected, new UnigramCandidates.Lattice());
        (int[] Ids, double Weight)[] ways = [.. Ways("ababa").Select(way => (way, Math.Exp(way.Sum(i => pieces[i].Item2))))];
        double all = ways.Sum(way => way.Weight);
        foreach ((int[] ids, double weight) in ways)
        {
            foreach (int id in ids)
                sums[id] += 3 * weight / all;
        }

        Assert.Equal(Math.Log(all), z, 10);
        for (int i = 0; i < sums.Length; i++)
            Assert.Equal(sums[i], expected[i], 10);

        IEnumerable<int[]> Ways(string text) => text.Length == 0
            ? [[]]
            : Enumerable.Range(0, pieces.Length).Where(i => text.StartsWith(pieces[i].Item1, StringComparison.Ordinal)).SelectMany(i => Ways(text[pieces[i].Item1.Length..]).Select(rest => (int[])[i, .. rest]));
    }

    [Fact]
    public void FindSeeds_AnyWords_AreTheRepeatedSubstringsThatGoOnInTwoWays()
    {
        (string Word, long Count)[] words = [("abcab", 5), ("abcd", 1), ("xabcab", 2), ("日本日本", 1), ("日本語", 1)];
        var found = UnigramSeeds.Find(words, new() { MaxPieceLength = 4 }, TestContext.Current.CancellationToken).Where(s => s.Piece.Length > 1).ToDictionary(s => s.Piece, s => s.Weight);
        var followers = new Dictionary<string, List<char>>();
        foreach ((string word, _) in words)
        {
            for (int start = 0; start < word.Length; start++)
            {
                for (int length = 2; length <= 4 && start + length <= word.Length; length++)
                {
                    string piece = word.Substring(start, length);
                    followers.TryAdd(piece, []);
                    followers[piece].Add(start + length < word.Length ? word[start + length] : '\0');
                }
            }
        }

        Assert.Equal(
            followers.Where(f => f.Value.Distinct().Count() > 1).Select(f => $"{f.Key} {f.Value.Count * f.Key.Length}").Order(StringComparer.Ordinal),
            found.Select(f => $"{f.Key} {f.Value}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Train_WithByteFallback_HasAllBytes()
    {
        UnigramModel model = UnigramTrainer.Train(Words(), new() { VocabSize = 420, ByteFallback = true }, cancellation: TestContext.Current.CancellationToken);
        var buffer = new TokenBuffer();
        model.Encode("ab\u00e4\u1234", buffer);
        Assert.Equal("<0xC3> <0xA4> <0xE1> <0x88> <0xB4>", string.Join(' ', buffer.Ids.ToArray()[^5..].Select(model.TokenOf)));
    }

    [Fact]
    public void Train_ReportsProgress_UpToTheEnd()
    {
        var reports = new List<TokenizerTrainingProgress>();
        UnigramTrainer.Train(Words(), new() { VocabSize = 150 }, new Recorder(reports), TestContext.Current.CancellationToken);
        Assert.True(reports.Count > 1);
        Assert.All(reports, report => Assert.Equal(TokenizerTrainingStage.Pruning, report.Stage));
        Assert.Equal(reports[^1].Total, reports[^1].Done);
    }

    private sealed class Recorder(List<TokenizerTrainingProgress> reports) : IProgress<TokenizerTrainingProgress>
    {
        public void Report(TokenizerTrainingProgress value) => reports.Add(value);
    }
}
