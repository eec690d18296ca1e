using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using PreTrain.Tokenization;

namespace PreTrain.Tests.Tokenization;

public class UnigramModelTests
{
    private static readonly TokenModelFixture s_fixture = new("unigram");
    private static readonly (string, double)[] s_small = [("<unk>", 0), ("a", -1), ("b", -1.5), ("ab", -2.13), ("ba", -2.29), ("aba", -3.71), ("日", -4), ("日a", -4.57)];

    [Theory]
    [InlineData("unigram")]
    [InlineData("unigram-byte-fallback")]
    [InlineData("unigram-some-bytes")]
    [InlineData("unigram-ties")]
    public void Encode_PiecesThatHurt_FindsTheReferencesTokens(string name) => s_fixture.Check(name, Load(name));

    [Fact]
    public void Encode_AnyPiece_HasTheHighestSumOfAllWays()
    {
        var model = new UnigramModel(s_small, 0);
        Gen<string> piece = Gen.Choose(1, 9).SelectMany(n => Gen.Elements("a", "b", "日").ArrayOf(n)).Select(string.Concat);
        Prop.ForAll(piece.ToArbitrary(), text =>
        {
            var buffer = new TokenBuffer();
            model.Encode(text, buffer);
            double best = Ways(text).Max(way => way.Sum(token => Score(token)));
            return Math.Abs(buffer.Ids.ToArray().Sum(id => s_small[id].Item2) - best) < 1e-9;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Encode_AMillionLetters_StepsOnceThroughThem()
    {
        var model = new UnigramModel(s_small, 0);
        var buffer = new TokenBuffer();
        model.Encode(new string('a', 1_000_000), buffer);
        Assert.Equal(1_000_000, buffer.Count);
        buffer.Clear();
        var random = new Random(5);
        string letters = new([.. Enumerable.Range(0, 1_000_000).Select(_ => "ab?"[random.Next(3)])]);
        model.Encode(letters, buffer);
        Assert.Equal(letters.Length, buffer.Ends[^1]);
        Assert.Equal(buffer.Ends[..^1].ToArray(), buffer.Starts[1..].ToArray());
    }

    [Theory]
    [InlineData(1.0)]
    [InlineData(0.3)]
    public void Sample_ManyTimes_DrawsEachWayAsOftenAsItsProbability(double alpha)
    {
        var model = new UnigramModel(s_small, 0);
        string[][] ways = [.. Ways("ababa")];
        double[] weights = [.. ways.Select(way => Math.Exp(alpha * way.Sum(Score)))];
        const int Draws = 20_000;
        var counts = new Dictionary<string, int>();
        var random = new SampleStream(11);
        var buffer = new TokenBuffer();
        for (int i = 0; i < Draws; i++)
        {
            buffer.Clear();
            model.Sample("ababa", buffer, new() { Alpha = alpha }, random);
            string way = string.Join(' ', buffer.Ids.ToArray().Select(model.TokenOf));
            counts[way] = counts.GetValueOrDefault(way) + 1;
        }

        for (int i = 0; i < ways.Length; i++)
        {
            double chance = weights[i] / weights.Sum();
            int count = counts.GetValueOrDefault(string.Join(' ', ways[i]));
            Assert.InRange(count, (int)(Draws * chance - 5 * Math.Sqrt(Draws * chance)) - 1, (int)(Draws * chance + 5 * Math.Sqrt(Draws * chance)) + 1);
        }
    }

    [Fact]
    public void Sample_AmongTheBest_DrawsNoOther()
    {
        var model = new UnigramModel(s_small, 0);
        string[] best = [.. Ways("ababa").OrderByDescending(way => way.Sum(Score)).Take(3).Select(way => string.Join(' ', way))];
        var random = new SampleStream(2);
        var drawn = new HashSet<string>();
        for (int i = 0; i < 300; i++)
        {
            var buffer = new TokenBuffer();
            model.Sample("ababa", buffer, new() { Alpha = 0.2, CandidateCount = 3 }, random);
            drawn.Add(string.Join(' ', buffer.Ids.ToArray().Select(model.TokenOf)));
        }

        Assert.Equal(best.Order(), drawn.Order());
    }

    [Fact]
    public void FindBest_AnyPiece_GivesTheBestWaysInOrder()
    {
        var lattice = new UnigramLattice();
        const string Piece = "ababab";
        lattice.Begin(Piece.Length);
        for (int start = 0; start < Piece.Length; start++)
        {
            for (int id = 1; id < s_small.Length; id++)
            {
                if (Piece[start..].StartsWith(s_small[id].Item1, StringComparison.Ordinal))
                    lattice.Add(start, start + s_small[id].Item1.Length, id, s_small[id].Item2);
            }
        }

        double[] sums = [.. Ways(Piece).Select(way => way.Sum(Score)).OrderDescending()];
        List<(double Sum, int[] Nodes)> best = lattice.FindBest(7);
        Assert.Equal(7, best.Select(way => string.Join(' ', way.Nodes)).Distinct().Count());
        for (int i = 0; i < 7; i++)
            Assert.Equal(sums[i], best[i].Sum, 9);
        Assert.Equal(sums.Length, lattice.FindBest(1000).Count);
    }

    [Fact]
    public void Create_WhatDoesNotFit_IsRefused()
    {
        Assert.StartsWith("The vocabulary is empty; it needs the unknown token at least.", Assert.Throws<ArgumentException>(() => new UnigramModel([], null)).Message, StringComparison.Ordinal);
        Assert.StartsWith("The unknown id (1) must be one of the 1 tokens.", Assert.Throws<ArgumentException>(() => new UnigramModel([("a", 0)], 1)).Message, StringComparison.Ordinal);
        Assert.StartsWith("The score of token 0, 'a', is NaN; it must be a number.", Assert.Throws<ArgumentException>(() => new UnigramModel([("a", double.NaN)], 0)).Message, StringComparison.Ordinal);
        var fault = Assert.Throws<InvalidOperationException>(() => new UnigramModel([("a", 0)], null).Encode("b", new TokenBuffer()));
        Assert.Equal("A character is not in the vocabulary, which has no unknown token; give it one.", fault.Message);
    }

    [Fact]
    public void Validate_SeveralFaultsOfSampling_AreReportedTogether()
    {
        var options = new SubwordSamplingOptions { Dropout = 2, Alpha = double.NaN, CandidateCount = 513 };
        Assert.Equal(
            string.Join(Environment.NewLine, "Dropout (2) must be from 0 to 1.", "Alpha (NaN) must be a number that is not negative.", "CandidateCount (513) must be from 0, for all ways, to 512."),
            Assert.Throws<ArgumentException>(options.Validate).Message);
        new SubwordSamplingOptions().Validate();
    }

    private static double Score(string token) => s_small.Single(p => p.Item1 == token).Item2;

    private static IEnumerable<string[]> Ways(string text)
    {
        if (text.Length == 0)
            return [[]];
        return s_small.Skip(1).Where(p => text.StartsWith(p.Item1, StringComparison.Ordinal)).SelectMany(p => Ways(text[p.Item1.Length..]).Select(rest => (string[])[p.Item1, .. rest]));
    }

    private static UnigramModel Load(string name)
    {
        JsonElement model = s_fixture.Model(name);
        return new UnigramModel(
            [.. model.GetProperty("vocab").EnumerateArray().Select(p => (p[0].GetString()!, p[1].GetDouble()))],
            model.GetProperty("unk_id").GetInt32(),
            model.GetProperty("byte_fallback").GetBoolean());
    }
}
