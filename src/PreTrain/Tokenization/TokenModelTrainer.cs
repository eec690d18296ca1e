namespace PreTrain.Tokenization;

/// <summary>Trains models on words that were counted. The result depends on the words and the options alone.</summary>
internal static class TokenModelTrainer
{
    /// <summary>Trains BPE over characters, as Hugging Face's <c>BpeTrainer</c> does.</summary>
    /// <exception cref="ArgumentException">An option is not valid, there are no words, or the vocabulary is smaller than the alphabet.</exception>
    public static BpeModel TrainBpe(WordCounter words, BpeOptions options, IProgress<TokenizerTrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        options.Validate();
        RequireWords(words);
        var symbols = SymbolWords.OfCharacters(words, options);
        List<Merge> merges = BytePairTrainer.FindMerges(symbols, options, progress, cancellation);
        return new BpeModel(new TokenVocabulary(symbols.Ids), merges, new BpeSettings
        {
            UnknownToken = options.UnknownToken,
            FuseUnknown = options.FuseUnknown,
            ByteFallback = options.ByteFallback,
            ContinuingPrefix = options.ContinuingPrefix.Length == 0 ? null : options.ContinuingPrefix,
            EndOfWordSuffix = options.EndOfWordSuffix.Length == 0 ? null : options.EndOfWordSuffix,
        });
    }

    /// <summary>Trains WordPiece, as Hugging Face's <c>WordPieceTrainer</c> does: with the merges of BPE, of which only the tokens are kept.</summary>
    /// <exception cref="ArgumentException">An option is not valid, there are no words, or the vocabulary is smaller than the alphabet.</exception>
    public static WordPieceModel TrainWordPiece(
        WordCounter words,
        WordPieceOptions options,
        IProgress<TokenizerTrainingProgress>? progress = null,
        CancellationToken cancellation = default,
        IReadOnlyList<string>? firstAffixed = null)
    {
        options.Validate();
        RequireWords(words);
        var pairs = new BpeOptions
        {
            VocabSize = options.VocabSize,
            MinFrequency = options.MinFrequency,
            SpecialTokens = options.SpecialTokens,
            UnknownToken = options.UnknownToken,
            ContinuingPrefix = options.ContinuingPrefix,
            AlphabetLimit = options.AlphabetLimit,
            InitialAlphabet = options.InitialAlphabet,
        };
        var symbols = SymbolWords.OfCharacters(words, pairs, firstAffixed);
        BytePairTrainer.FindMerges(symbols, pairs, progress, cancellation);
        return new WordPieceModel(new TokenVocabulary(symbols.Ids), options.UnknownToken, options.ContinuingPrefix, options.MaxCharactersPerWord);
    }

    /// <summary>Takes the most frequent words, as Hugging Face's <c>WordLevelTrainer</c> does; a word that is a special token is not taken again.</summary>
    /// <exception cref="ArgumentException">An option is not valid, or there are no words.</exception>
    public static WordLevelModel TrainWordLevel(WordCounter words, WordLevelOptions options)
    {
        options.Validate();
        RequireWords(words);
        IEnumerable<string> frequent = Enumerable.Range(0, words.Count)
            .Where(i => words.CountOf(i) >= options.MinFrequency)
            .Select(i => (Word: words.Word(i).ToString(), Count: words.CountOf(i)))
            .OrderByDescending(w => w.Count).ThenBy(w => w.Word, CodePointComparer.Instance)
            .Select(w => w.Word);
        return new WordLevelModel(TokenVocabulary.FromList(options.SpecialTokens.Concat(frequent.Except(options.SpecialTokens)).Take(options.VocabSize)), options.UnknownToken);
    }

    /// <summary>Refuses an empty corpus.</summary>
    public static void RequireWords(WordCounter words)
    {
        if (words.Count == 0)
            throw new ArgumentException("The corpus holds no text; give at least one document that is not empty.", "corpus");
    }
}
