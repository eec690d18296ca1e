namespace PreTrain.Tokenization;

/// <summary>How a unigram language model is trained (Kudo 2018). The defaults are those of Hugging Face's <c>UnigramTrainer</c>, except for the unknown token.</summary>
public sealed record UnigramOptions
{
    /// <summary>The number of tokens to reach, special tokens and characters included.</summary>
    /// <value>The default is 8000.</value>
    public int VocabSize { get; init; } = 8000;

    /// <summary>Tokens that mark structure. They get the first ids, in this order.</summary>
    /// <value>The default is <c>&lt;unk&gt;</c> alone.</value>
    public IReadOnlyList<string> SpecialTokens { get; init; } = ["<unk>"];

    /// <summary>The token of characters that the vocabulary lacks, one of <see cref="SpecialTokens"/>.</summary>
    /// <value>The default is <c>&lt;unk&gt;</c>.</value>
    public string UnknownToken { get; init; } = "<unk>";

    /// <summary>Whether unknown characters become tokens of their bytes instead. The 256 of them, <c>&lt;0x00&gt;</c> to <c>&lt;0xFF&gt;</c>, follow the special tokens.</summary>
    /// <value>The default is <see langword="false"/>.</value>
    public bool ByteFallback { get; init; }

    /// <summary>Characters that are tokens whether they occur or not, one in each string; those that occur always are.</summary>
    /// <value>The default is none.</value>
    public IReadOnlyList<string> InitialAlphabet { get; init; } = [];

    /// <summary>The length of the longest token, in code points.</summary>
    /// <value>The default is 16.</value>
    public int MaxPieceLength { get; init; } = 16;

    /// <summary>How many candidates the training begins with.</summary>
    /// <value>The default is 1000000.</value>
    public int SeedSize { get; init; } = 1_000_000;

    /// <summary>The part of the candidates that each round keeps.</summary>
    /// <value>The default is 0.75. More than 0, less than 1.</value>
    public double ShrinkingFactor { get; init; } = 0.75;

    /// <summary>How often the probabilities are estimated anew in each round.</summary>
    /// <value>The default is 2.</value>
    public int SubIterationCount { get; init; } = 2;

    /// <summary>How many threads work. The result does not depend on it.</summary>
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
        faults.CheckThreads(Threads);
        faults.CheckMemoryLimit(MemoryLimitBytes);
        faults.CheckSpecialTokens(SpecialTokens, UnknownToken ?? "");
        faults.CheckAlphabet(InitialAlphabet, null);
        if (MaxPieceLength < 1)
            faults.Add($"MaxPieceLength ({MaxPieceLength}) must be at least 1.");
        if (SeedSize < 1)
            faults.Add($"SeedSize ({SeedSize}) must be at least 1.");
        if (!(ShrinkingFactor > 0 && ShrinkingFactor < 1))
            faults.Add($"ShrinkingFactor ({ShrinkingFactor}) must be more than 0 and less than 1.");
        if (SubIterationCount < 1)
            faults.Add($"SubIterationCount ({SubIterationCount}) must be at least 1.");
        faults.CheckVocabSize(VocabSize, (SpecialTokens?.Count ?? 0) + (ByteFallback ? 256 : 0));
        faults.Throw();
    }
}
