using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using PreTrain.Tokenization;
using static PreTrain.Tests.Tokenization.TrainedVocabularyFixture;

namespace PreTrain.Tests.Tokenization;

public class TokenModelTrainerTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public void TrainBpe_CorpusOfTheReference_FindsItsTokensAndMerges(int index)
    {
        JsonElement expected = Root.GetProperty("bpe")[index];
        JsonElement given = expected.GetProperty("options");
        string[] tokens = Strings(expected.GetProperty("tokens"));
        var options = new BpeOptions
        {
            VocabSize = Number(given, "vocab_size")!.Value,
            MinFrequency = Number(given, "min_frequency") ?? 0,
            SpecialTokens = Strings(given, "special_tokens"),
            UnknownToken = null,
            AlphabetLimit = Number(given, "limit_alphabet"),
            InitialAlphabet = Strings(given, "initial_alphabet"),
            MaxTokenLength = Number(given, "max_token_length"),
            ContinuingPrefix = Text(given, "continuing_subword_prefix"),
            EndOfWordSuffix = Text(given, "end_of_word_suffix"),
        };

        var symbols = SymbolWords.OfCharacters(Words(), options, Affixed(tokens, options.ContinuingPrefix, options.EndOfWordSuffix));
        List<Merge> merges = BytePairTrainer.FindMerges(symbols, options, null, TestContext.Current.CancellationToken);

        Assert.Equal(tokens, symbols.Tokens);
        Assert.Equal(Strings(expected.GetProperty("merges")), merges.Select(m => $"{symbols.Tokens[m.Left]} {symbols.Tokens[m.Right]}"));
        Assert.True(merges.Count > 40);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void TrainWordPiece_CorpusOfTheReference_FindsItsTokens(int index)
    {
        JsonElement expected = Root.GetProperty("wordpiece")[index];
        JsonElement given = expected.GetProperty("options");
        string[] tokens = Strings(expected.GetProperty("tokens"));
        var options = new WordPieceOptions
        {
            VocabSize = Number(given, "vocab_size")!.Value,
            MinFrequency = Number(given, "min_frequency") ?? 0,
            SpecialTokens = Strings(given, "special_tokens"),
            AlphabetLimit = Number(given, "limit_alphabet"),
            InitialAlphabet = Strings(given, "initial_alphabet"),
        };

        Assert.Equal(tokens, Tokens(TokenModelTrainer.TrainWordPiece(Words(), options, cancellation: TestContext.Current.CancellationToken, firstAffixed: Affixed(tokens, "##", ""))));
    }

    [Fact]
    public void TrainWordPiece_WithoutAnOrder_NumbersCharactersByCodePoints()
    {
        WordPieceModel model = TokenModelTrainer.TrainWordPiece(Words(), new() { VocabSize = 300 }, cancellation: TestContext.Current.CancellationToken);
        string[] affixed = [.. Tokens(model).Where(token => token.StartsWith("##", StringComparison.Ordinal) && token[2..].EnumerateRunes().Count() == 1)];
        Assert.Equal(affixed.Order(CodePointComparer.Instance), affixed);
        Assert.Equal("[PAD] [UNK] [CLS] [SEP] [MASK]", string.Join(' ', Tokens(model)[..5]));
        var buffer = new TokenBuffer();
        model.Encode("schingtion", buffer);
        Assert.DoesNotContain(1, buffer.Ids.ToArray());
    }

    [Fact]
    public void TrainWordLevel_CorpusOfTheReference_TakesItsWords()
    {
        JsonElement expected = Root.GetProperty("wordlevel");
        Assert.Equal(Strings(expected[0]), Tokens(TokenModelTrainer.TrainWordLevel(Words(), new() { VocabSize = 120 })));
        Assert.Equal(Strings(expected[1]), Tokens(TokenModelTrainer.TrainWordLevel(Words(), new() { VocabSize = 1000, MinFrequency = 5, SpecialTokens = ["<unk>", "<pad>"] })));
    }

    [Fact]
    public void TrainWordLevel_WordThatIsSpecial_IsNotTakenAgain()
    {
        WordLevelModel model = TokenModelTrainer.TrainWordLevel(Words(), new() { SpecialTokens = ["<unk>", "[UNK]"] });
        Assert.Equal(1, model.IdOf("[UNK]"));
        Assert.Equal(model.Size, Tokens(model).Distinct().Count());
    }

    [Fact]
    public void TrainByteLevel_WithALongestToken_FindsTheReferencesMerges()
    {
        JsonElement expected = Root.GetProperty("byteLevel");
        var tokenizer = ByteLevelBpeTokenizer.Train(
            Corpus, new() { VocabSize = 1200, SpecialTokens = [], MaxTokenLength = expected.GetProperty("maxTokenLength").GetInt32() }, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(Strings(expected.GetProperty("merges")), tokenizer.Merges.Select(m => $"{m.Left} {m.Right}"));
    }

    [Fact]
    public void Train_DifferentNumbersOfThreads_GivesTheSameModels()
    {
        for (int threads = 2; threads <= 5; threads += 3)
        {
            Assert.Equal(
                Tokens(TokenModelTrainer.TrainBpe(Words(1), new() { VocabSize = 300 }, cancellation: TestContext.Current.CancellationToken)),
                Tokens(TokenModelTrainer.TrainBpe(Words(threads), new() { VocabSize = 300 }, cancellation: TestContext.Current.CancellationToken)));
            Assert.Equal(
                Tokens(TokenModelTrainer.TrainWordPiece(Words(1), new() { VocabSize = 300 }, cancellation: TestContext.Current.CancellationToken)),
                Tokens(TokenModelTrainer.TrainWordPiece(Words(threads), new() { VocabSize = 300 }, cancellation: TestContext.Current.CancellationToken)));
            Assert.Equal(
                UnigramTrainer.Train(Words(1), new() { VocabSize = 150, Threads = 1 }, cancellation: TestContext.Current.CancellationToken).Pieces,
                UnigramTrainer.Train(Words(threads), new() { VocabSize = 150, Threads = threads }, cancellation: TestContext.Current.CancellationToken).Pieces);
        }
    }

    [Fact]
    public void TrainBpe_WithByteFallback_EncodesEverything()
    {
        BpeModel model = TokenModelTrainer.TrainBpe(Words(), new() { VocabSize = 500, ByteFallback = true, AlphabetLimit = 20 }, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal("<0x00>", model.TokenOf(1));
        Prop.ForAll(ValidStrings.Arbitrary, text =>
        {
            var buffer = new TokenBuffer();
            model.Encode(text, buffer);
            var bytes = new List<byte>();
            foreach (int id in buffer.Ids)
                bytes.AddRange(id is >= 1 and <= 256 ? [(byte)(id - 1)] : Encoding.UTF8.GetBytes(model.TokenOf(id)!));
            return Encoding.UTF8.GetString([.. bytes]) == text;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Train_WhatCannotBe_IsRefused()
    {
        string fault = "VocabSize (20) must be at least 35: the special tokens and the characters of the corpus. Raise it, or set AlphabetLimit.";
        Assert.Equal(fault, Assert.Throws<ArgumentException>(() => TokenModelTrainer.TrainBpe(Words(), new() { VocabSize = 20 }, cancellation: CancellationToken.None)).Message);
        fault = "VocabSize (20) must be at least 35: the special tokens and the characters of the corpus. Raise it.";
        Assert.Equal(fault, Assert.Throws<ArgumentException>(() => UnigramTrainer.Train(Words(), new() { VocabSize = 20 }, cancellation: CancellationToken.None)).Message);
        fault = "The corpus holds no text; give at least one document that is not empty. (Parameter 'corpus')";
        Assert.Equal(fault, Assert.Throws<ArgumentException>(() => TokenModelTrainer.TrainBpe(new WordCounter(), new(), cancellation: CancellationToken.None)).Message);
        Assert.Equal(fault, Assert.Throws<ArgumentException>(() => TokenModelTrainer.TrainWordPiece(new WordCounter(), new(), cancellation: CancellationToken.None)).Message);
        Assert.Equal(fault, Assert.Throws<ArgumentException>(() => TokenModelTrainer.TrainWordLevel(new WordCounter(), new())).Message);
        Assert.Equal(fault, Assert.Throws<ArgumentException>(() => UnigramTrainer.Train(new WordCounter(), new(), cancellation: CancellationToken.None)).Message);
    }

    [Fact]
    public void Train_Cancelled_Stops()
    {
        var stopped = new CancellationToken(true);
        Assert.ThrowsAny<OperationCanceledException>(() => UnigramTrainer.Train(Words(), new() { VocabSize = 150 }, cancellation: stopped));
        Assert.ThrowsAny<OperationCanceledException>(() => TokenModelTrainer.TrainBpe(Words(), new() { VocabSize = 300 }, cancellation: stopped));
    }

    /// <summary>The characters with affixes in the order in which the reference happened to number them.</summary>
    private static string[] Affixed(string[] tokens, string prefix, string suffix)
    {
        return [.. tokens.Where(IsAffixed)];

        bool IsAffixed(string token)
        {
            bool before = prefix.Length > 0 && token.StartsWith(prefix, StringComparison.Ordinal) && token.Length > prefix.Length;
            bool after = suffix.Length > 0 && token.EndsWith(suffix, StringComparison.Ordinal) && token.Length > suffix.Length;
            string rest = token[(before ? prefix.Length : 0)..^(after ? suffix.Length : 0)];
            return (before || after) && rest.EnumerateRunes().Count() == 1;
        }
    }
}
