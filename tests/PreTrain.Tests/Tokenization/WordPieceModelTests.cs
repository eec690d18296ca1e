using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using PreTrain.Tokenization;

namespace PreTrain.Tests.Tokenization;

public class WordPieceModelTests
{
    private static readonly TokenModelFixture s_fixture = new("word");

    [Theory]
    [InlineData("wordpiece")]
    [InlineData("wordpiece-short-words")]
    public void Encode_PiecesThatHurt_FindsTheReferencesTokens(string name) => s_fixture.Check(name, Load(name));

    [Fact]
    public void Encode_AnyWord_MatchesTheObviousAlgorithm()
    {
        string[] parts = ["a", "b", "ab", "aba", "é", "日本", "🙂", "[UNK]", "##b", "##a", "##ab", "##bab", "##é", "##日", "##本", "##🙂🙂", "##"];
        var vocabulary = TokenVocabulary.FromList(parts);
        var model = new WordPieceModel(vocabulary, maxCharactersPerWord: 12);
        Gen<string> word = Gen.Elements("a", "b", "é", "日", "本", "🙂", "#", "c").ArrayOf().Select(string.Concat);
        Prop.ForAll(word.ToArbitrary(), text =>
        {
            var buffer = new TokenBuffer();
            model.Encode(text, buffer);
            return Obvious(text, vocabulary, 12).SequenceEqual(buffer.Ids.ToArray());
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));
    }

    [Fact]
    public void Encode_AMillionLetters_StepsOnceThroughThem()
    {
        var model = new WordPieceModel(TokenVocabulary.FromList(["[UNK]", "a", "##a", "##aaaa", "##b", "##ab"]), maxCharactersPerWord: int.MaxValue);
        var buffer = new TokenBuffer();
        model.Encode(new string('a', 1_000_001), buffer);
        Assert.Equal(250_001, buffer.Count);
        buffer.Clear();
        var random = new Random(5);
        string letters = new([.. Enumerable.Range(0, 1_000_000).Select(_ => random.Next(2) == 0 ? 'a' : 'b')]);
        model.Encode("a" + letters, buffer);
        Assert.Equal(letters.Length + 1, buffer.Ends[^1]);
        Assert.Equal(buffer.Ends[..^1].ToArray(), buffer.Starts[1..].ToArray());
    }

    [Fact]
    public void Encode_WithoutUnknownToken_SaysSo()
    {
        var model = new WordPieceModel(TokenVocabulary.FromList(["a"]));
        var fault = Assert.Throws<InvalidOperationException>(() => model.Encode("b", new TokenBuffer()));
        Assert.Equal("A word is not in the vocabulary, and neither is the unknown token '[UNK]'; add it to the vocabulary.", fault.Message);
    }

    [Fact]
    public void Encode_LoneSurrogate_IsUnknown()
    {
        var model = new WordPieceModel(TokenVocabulary.FromList(["[UNK]", "a", "##a"]));
        var buffer = new TokenBuffer();
        model.Encode("a\ud800a", buffer);
        Assert.Equal([0, 0, 3], TokenModelFixture.Flat(buffer));
    }

    private static WordPieceModel Load(string name)
    {
        JsonElement model = s_fixture.Model(name);
        return new WordPieceModel(
            TokenModelFixture.Vocabulary(model),
            model.GetProperty("unk_token").GetString()!,
            model.GetProperty("continuing_subword_prefix").GetString()!,
            model.GetProperty("max_input_chars_per_word").GetInt32());
    }

    private static IEnumerable<int> Obvious(string word, TokenVocabulary vocabulary, int longest)
    {
        if (word.EnumerateRunes().Count() > longest)
            return [vocabulary.IdOf("[UNK]")!.Value];
        var ids = new List<int>();
        for (int start = 0; start < word.Length;)
        {
            int end = word.Length;
            while (end > start && vocabulary.IdOf((start > 0 ? "##" : "") + word[start..end]) is null)
                end--;
            if (end == start)
                return [vocabulary.IdOf("[UNK]")!.Value];
            ids.Add(vocabulary.IdOf((start > 0 ? "##" : "") + word[start..end])!.Value);
            start = end;
        }

        return ids;
    }
}
