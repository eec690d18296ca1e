namespace PreTrain.Tokenization;

/// <summary>How a WordPiece vocabulary is trained: with merges of pairs, as by Hugging Face's <c>WordPieceTrainer</c>.</summary>
public sealed record WordPieceOptions
{
    /// <summary>The number of tokens to reach, special tokens and characters included. Fewer come out where the corpus has no more pairs of
    /// <see cref="MinFrequency"/>.</summary>
    /// <value>The default is 30522, as in BERT.</value>
    public int VocabSize { get; init; } = 30_522;

    /// <summary>How often a pair must occur to be merged.</summary>
    /// <value>The default is 0, which merges whatever occurs at all.</value>
    public long MinFrequency { get; init; }

    /// <summary>Tokens that mark structure. They get the first ids, in this order.</summary>
    /// <value>The default is <c>[PAD]</c>, <c>[UNK]</c>, <c>[CLS]</c>, <c>[SEP]</c> and <c>[MASK]</c>.</value>
    public IReadOnlyList<string> SpecialTokens { get; init; } = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

    /// <summary>The token of words that cannot be cut into tokens, one of <see cref="SpecialTokens"/>.</summary>
    /// <value>The default is <c>[UNK]</c>.</value>
    public string UnknownToken { get; init; } = "[UNK]";

    /// <summary>Put before each token inside a word.</summary>
    /// <value>The default is <c>##</c>.</value>
    public string ContinuingPrefix { get; init; } = "##";

    /// <summary>How many different characters are kept, the most frequent ones and, among equals, those of the smallest code points; words with others are unknown.</summary>
    /// <value>The default is <see langword="null"/>: all.</value>
    public int? AlphabetLimit { get; init; }

    /// <summary>Characters that are kept whether they occur or not, one in each string.</summary>
    /// <value>The default is none.</value>
    public IReadOnlyList<string> InitialAlphabet { get; init; } = [];

    /// <summary>Words of more characters, in code points, are unknown when texts are encoded.</summary>
    /// <value>The default is 100.</value>
    public int MaxCharactersPerWord { get; init; } = 100;

    /// <summary>Whether texts become lower case and lose their accents.</summary>
    /// <value>The default is <see langword="true"/>.</value>
    public bool Lowercase { get; init; } = true;

    /// <summary>How many threads count words. The result does not depend on it.</summary>
    /// <value>The default is 0: as many as the machine has processors.</value>
    public int Threads { get; init; }

    /// <summary>How much memory the corpus's different words may take while they are counted, in bytes. More of them go to temporary files, and in the end
    /// the rarest ones are left out if need be; so a corpus of any size can be trained on.</summary>
    /// <value>The default is 0: no limit. Else at least 1048576.</value>
    public long MemoryLimitBytes { get; init; }

    /// <summary>Checks all options together.</summary>
    /// <exception cref="ArgumentException">At least one of them is not valid; the message names each.</exception>
    public void Validate()
    {
        var faults = new TrainingFaults();
        faults.CheckMinFrequency(MinFrequency);
        faults.CheckThreads(Threads);
        faults.CheckMemoryLimit(MemoryLimitBytes);
        faults.CheckSpecialTokens(SpecialTokens, UnknownToken ?? "");
        faults.CheckAlphabet(InitialAlphabet, AlphabetLimit);
        if (ContinuingPrefix is null)
            faults.Add("ContinuingPrefix must not be null; use an empty string for none.");
        if (MaxCharactersPerWord < 1)
            faults.Add($"MaxCharactersPerWord ({MaxCharactersPerWord}) must be at least 1.");
        faults.CheckVocabSize(VocabSize, SpecialTokens?.Count ?? 0);
        faults.Throw();
    }
}
