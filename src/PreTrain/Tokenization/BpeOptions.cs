namespace PreTrain.Tokenization;

/// <summary>How a BPE vocabulary of characters is trained. The defaults are those of Hugging Face's <c>BpeTrainer</c>, except for the unknown token.</summary>
public sealed record BpeOptions
{
    /// <summary>The number of tokens to reach, special tokens and characters included. Fewer come out where the corpus has no more pairs of
    /// <see cref="MinFrequency"/>.</summary>
    /// <value>The default is 30000.</value>
    public int VocabSize { get; init; } = 30_000;

    /// <summary>How often a pair must occur to be merged.</summary>
    /// <value>The default is 0, which merges whatever occurs at all.</value>
    public long MinFrequency { get; init; }

    /// <summary>Tokens that mark structure. They get the first ids, in this order.</summary>
    /// <value>The default is <c>&lt;unk&gt;</c> alone.</value>
    public IReadOnlyList<string> SpecialTokens { get; init; } = ["<unk>"];

    /// <summary>The token of characters that the vocabulary lacks, one of <see cref="SpecialTokens"/>; without one they vanish.</summary>
    /// <value>The default is <c>&lt;unk&gt;</c>.</value>
    public string? UnknownToken { get; init; } = "<unk>";

    /// <summary>Whether unknown characters in a row become one token.</summary>
    /// <value>The default is <see langword="false"/>.</value>
    public bool FuseUnknown { get; init; }

    /// <summary>Whether unknown characters become tokens of their bytes instead. The 256 of them, <c>&lt;0x00&gt;</c> to <c>&lt;0xFF&gt;</c>, follow the special tokens.</summary>
    /// <value>The default is <see langword="false"/>.</value>
    public bool ByteFallback { get; init; }

    /// <summary>How many different characters are kept, the most frequent ones and, among equals, those of the smallest code points; the others are unknown.</summary>
    /// <value>The default is <see langword="null"/>: all.</value>
    public int? AlphabetLimit { get; init; }

    /// <summary>Characters that are kept whether they occur or not, one in each string.</summary>
    /// <value>The default is none.</value>
    public IReadOnlyList<string> InitialAlphabet { get; init; } = [];

    /// <summary>Put before each token inside a word.</summary>
    /// <value>The default is nothing.</value>
    public string ContinuingPrefix { get; init; } = "";

    /// <summary>Put after each token at the end of a word.</summary>
    /// <value>The default is nothing.</value>
    public string EndOfWordSuffix { get; init; } = "";

    /// <summary>How long tokens stay, in characters: pairs that would reach this length are not merged, except for those of two characters.</summary>
    /// <value>The default is <see langword="null"/>: no limit.</value>
    public int? MaxTokenLength { get; init; }

    /// <summary>How many threads count words. The result does not depend on it.</summary>
    /// <value>The default is 0: as many as the machine has processors.</value>
    public int Threads { get; init; }

    /// <summary>How much memory the corpus's different words may take while they are counted, in bytes. More of them go to temporary files, and in the end
    /// the rarest ones are left out if need be; so a corpus of any size can be trained on.</summary>
    /// <value>The default is 0: no limit. Else at least 1048576.</value>
    public long MemoryLimitBytes { get; init; }

    /// <summary>The special tokens, and those of the bytes if these are wanted.</summary>
    internal IEnumerable<string> AllSpecialTokens =>
        ByteFallback ? SpecialTokens.Concat(Enumerable.Range(0, 256).Select(b => BpeModel.FallbackToken((byte)b))) : SpecialTokens;

    /// <summary>Checks all options together.</summary>
    /// <exception cref="ArgumentException">At least one of them is not valid; the message names each.</exception>
    public void Validate()
    {
        var faults = new TrainingFaults();
        faults.CheckMinFrequency(MinFrequency);
        faults.CheckThreads(Threads);
        faults.CheckMemoryLimit(MemoryLimitBytes);
        faults.CheckSpecialTokens(SpecialTokens, UnknownToken);
        faults.CheckAlphabet(InitialAlphabet, AlphabetLimit);
        if (MaxTokenLength < 1)
            faults.Add($"MaxTokenLength ({MaxTokenLength}) must be at least 1; use null for no limit.");
        if (ContinuingPrefix is null)
            faults.Add("ContinuingPrefix must not be null; use an empty string for none.");
        if (EndOfWordSuffix is null)
            faults.Add("EndOfWordSuffix must not be null; use an empty string for none.");
        faults.CheckVocabSize(VocabSize, (SpecialTokens?.Count ?? 0) + (ByteFallback ? 256 : 0));
        faults.Throw();
    }
}
