using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using PreTrain.Tokenization;

namespace PreTrain.Tests.Tokenization;

public class BpeModelTests
{
    private static readonly TokenModelFixture s_fixture = new("bpe");
    private static readonly TokenModelFixture s_bytes = new("bytes");

    [Theory]
    [InlineData("bpe-unknown")]
    [InlineData("bpe-fuse-unknown")]
    [InlineData("bpe-no-unknown")]
    [InlineData("bpe-byte-fallback")]
    [InlineData("bpe-some-bytes")]
    [InlineData("bpe-ignore-merges")]
    [InlineData("bpe-affixes")]
    [InlineData("bpe-suffix")]
    public void Encode_PiecesThatHurt_FindsTheReferencesTokens(string name) => FixtureOf(name).Check(name, Load(name, 0));

    [Fact]
    public void Encode_BytesOfAPiece_GivesTheIdsOfTheByteLevelTokenizer()
    {
        ByteLevelBpeTokenizer tokenizer = BpeFixture.Tokenizer;
        var vocabulary = new TokenVocabulary(Enumerable.Range(0, tokenizer.VocabSize).Select(id => KeyValuePair.Create(tokenizer.IdToToken(id)!, id)));
        Merge[] merges = [.. tokenizer.Merges.Select(m => BpeModel.Resolve(vocabulary, m.Left, m.Right))];
        var model = new BpeModel(vocabulary, merges, new BpeSettings { ByteLevel = true });
        var buffer = new TokenBuffer();
        Prop.ForAll(ValidStrings.Arbitrary, text =>
        {
            buffer.Clear();
            foreach ((int offset, int length) in Gpt2PreTokenizer.Instance.PreTokenize(text))
                model.Encode(text.AsSpan(offset, length), buffer);
            return text.Contains("<|endoftext|>", StringComparison.Ordinal) || tokenizer.Encode(text).SequenceEqual(buffer.Ids.ToArray());
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Encode_BytesOfACharacter_TouchAllOfIt()
    {
        var vocabulary = TokenVocabulary.FromList(ByteAlphabet.InOrder.Select(c => c.ToString()));
        var model = new BpeModel(vocabulary, [], new BpeSettings { ByteLevel = true });
        var buffer = new TokenBuffer();
        model.Encode("aé🙂", buffer);
        Assert.Equal([0, 1, 1, 2, 2, 2, 2], buffer.Starts.ToArray());
        Assert.Equal([1, 2, 2, 4, 4, 4, 4], buffer.Ends.ToArray());
        Assert.Equal("Å ð Ł", string.Join(' ', new[] { ByteAlphabet.ToChar(0xC5), ByteAlphabet.ToChar(0xF0), ByteAlphabet.ToChar(0x9F) }));
        Assert.Equal(vocabulary.IdOf("ð"), buffer.Ids[3]);
    }

    [Fact]
    public void Encode_WholeWordFirst_TakesItWithoutMerges()
    {
        var vocabulary = TokenVocabulary.FromList([.. ByteAlphabet.InOrder.Select(c => c.ToString()), "Ġnoël", ByteAlphabet.Spell(Encoding.UTF8.GetBytes(" noël")), ByteAlphabet.Spell(Encoding.UTF8.GetBytes(new string('é', 200)))]);
        var model = new BpeModel(vocabulary, [], new BpeSettings { ByteLevel = true, IgnoreMerges = true });
        var buffer = new TokenBuffer();
        model.Encode(" noël", buffer);
        model.Encode(new string('é', 200), buffer);
        Assert.Equal([257, 0, 5, 258, 0, 200], TokenModelFixture.Flat(buffer));
    }

    [Fact]
    public void Encode_AMillionLetters_MergesThemAll()
    {
        var vocabulary = TokenVocabulary.FromList(["a", "b", "aa", "aaaa", "ab"]);
        var model = new BpeModel(vocabulary, [new(0, 0, 2), new(2, 2, 3), new(0, 1, 4)], new BpeSettings());
        var buffer = new TokenBuffer();
        model.Encode(new string('a', 1 << 20), buffer);
        Assert.Equal(1 << 18, buffer.Count);
        buffer.Clear();
        var random = new Random(5);
        string letters = new([.. Enumerable.Range(0, 1_000_000).Select(_ => random.Next(2) == 0 ? 'a' : 'b')]);
        model.Encode(letters, buffer);
        Assert.Equal(letters, string.Concat(buffer.Ids.ToArray().Select(model.TokenOf)));
        Assert.Equal(letters.Length, buffer.Ends[^1]);
    }

    [Fact]
    public void Sample_AllMergesSkipped_LeavesTheCharacters()
    {
        BpeModel model = Load("bpe-unknown", 0);
        var buffer = new TokenBuffer();
        model.Sample("tokenizer", buffer, new() { Dropout = 1 }, new SampleStream(1));
        Assert.Equal("t o k e n i z e r", Spelled(model, buffer));
        buffer.Clear();
        model.Sample("tokenizer", buffer, new() { Dropout = 0 }, new SampleStream(1));
        Assert.Equal(Encoded(model, "tokenizer"), buffer.Ids.ToArray());
    }

    [Fact]
    public void Sample_SameSeed_GivesTheSameTokens()
    {
        BpeModel model = Load("bpe-unknown", 0);
        string[] first = [.. Samples(7)], again = [.. Samples(7)], other = [.. Samples(8)];
        Assert.Equal(first, again);
        Assert.NotEqual(first, other);
        Assert.True(first.Distinct().Count() > 5);
        Assert.All(first, sample => Assert.Equal("thetokenizer", sample.Replace(" ", "")));

        IEnumerable<string> Samples(ulong seed)
        {
            var random = new SampleStream(seed);
            for (int i = 0; i < 50; i++)
            {
                var buffer = new TokenBuffer();
                model.Sample("thetokenizer", buffer, new() { Dropout = 0.4 }, random);
                yield return Spelled(model, buffer);
            }
        }
    }

    [Fact]
    public void Sample_OneMerge_IsSkippedAsOftenAsAsked()
    {
        var model = new BpeModel(TokenVocabulary.FromList(["a", "b", "ab"]), [new(0, 1, 2)], new BpeSettings());
        var random = new SampleStream(3);
        var buffer = new TokenBuffer();
        int merged = 0;
        for (int i = 0; i < 4000; i++)
        {
            buffer.Clear();
            model.Sample("ab", buffer, new() { Dropout = 0.25 }, random);
            merged += buffer.Count == 1 ? 1 : 0;
        }

        Assert.InRange(merged, 2900, 3100);
    }

    [Fact]
    public void Encode_WithDropout_IsRandomAndRepeatable()
    {
        int[][] Run()
        {
            BpeModel model = Load("bpe-unknown", 0.5);
            return [.. Enumerable.Range(0, 30).Select(_ => Encoded(model, "thetokenizer"))];
        }

        Assert.Equal(Run(), Run());
        Assert.True(Run().Select(ids => string.Join(' ', ids)).Distinct().Count() > 3);
    }

    [Fact]
    public void Create_WhatDoesNotFit_IsRefused()
    {
        var vocabulary = TokenVocabulary.FromList(["a", "b"]);
        Assert.Equal("The merge of 'a' and 'b' needs the token 'ab', which the vocabulary lacks.", Assert.Throws<ArgumentException>(() => BpeModel.Resolve(vocabulary, "a", "b")).Message);
        Assert.StartsWith("Dropout (1.5) must be from 0 to 1.", Assert.Throws<ArgumentException>(() => new BpeModel(vocabulary, [], new BpeSettings { Dropout = 1.5 })).Message, StringComparison.Ordinal);
        Assert.StartsWith("ByteLevel and ByteFallback exclude", Assert.Throws<ArgumentException>(() => new BpeModel(vocabulary, [], new BpeSettings { ByteLevel = true, ByteFallback = true })).Message, StringComparison.Ordinal);
        var fault = Assert.Throws<InvalidOperationException>(() => new BpeModel(vocabulary, [], new BpeSettings { UnknownToken = "?" }).Encode("x", new TokenBuffer()));
        Assert.Equal("A character is not in the vocabulary, and neither is the unknown token '?'; add it to the vocabulary.", fault.Message);
    }

    private static TokenModelFixture FixtureOf(string name) => name.Contains("byte", StringComparison.Ordinal) ? s_bytes : s_fixture;

    private static int[] Encoded(BpeModel model, string piece)
    {
        var buffer = new TokenBuffer();
        model.Encode(piece, buffer);
        return buffer.Ids.ToArray();
    }

    private static string Spelled(BpeModel model, TokenBuffer buffer) => string.Join(' ', buffer.Ids.ToArray().Select(model.TokenOf));

    private static BpeModel Load(string name, double dropout)
    {
        JsonElement model = FixtureOf(name).Model(name);
        TokenVocabulary vocabulary = TokenModelFixture.Vocabulary(model);
        string? prefix = model.GetProperty("continuing_subword_prefix").GetString();
        return new BpeModel(
            vocabulary,
            [.. model.GetProperty("merges").EnumerateArray().Select(m => BpeModel.Resolve(vocabulary, m[0].GetString()!, m[1].GetString()!, prefix))],
            new BpeSettings
            {
                UnknownToken = model.GetProperty("unk_token").GetString(),
                FuseUnknown = model.GetProperty("fuse_unk").GetBoolean(),
                ByteFallback = model.GetProperty("byte_fallback").GetBoolean(),
                ContinuingPrefix = prefix,
                EndOfWordSuffix = model.GetProperty("end_of_word_suffix").GetString(),
                IgnoreMerges = model.GetProperty("ignore_merges").GetBoolean(),
                Dropout = dropout,
            });
    }
}
