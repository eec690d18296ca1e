namespace PreTrain.Tokenization;

/// <summary>How a vocabulary of whole words is made, as by Hugging Face's <c>WordLevelTrainer</c>: the most frequent words and, among equals, the first by code points.</summary>
public sealed record WordLevelOptions
{
    /// <summary>The largest number of tokens, special tokens included.</summary>
    /// <value>The default is 30000.</value>
    public int VocabSize { get; init; } = 30_000;

    /// <summary>How often a word must occur to be a token.</summary>
    /// <value>The default is 0: once.</value>
    public long MinFrequency { get; init; }

    /// <summary>Tokens that mark structure. They get the first ids, in this order.</summary>
    /// <value>The default is <c>&lt;unk&gt;</c> alone.</value>
    public IReadOnlyList<string> SpecialTokens { get; init; } = ["<unk>"];

    /// <summary>The token of all other words, one of <see cref="SpecialTokens"/>.</summary>
    /// <value>The default is <c>&lt;unk&gt;</c>.</value>
    public string UnknownToken { get; init; } = "<unk>";

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
        faults.CheckVocabSize(VocabSize, SpecialTokens?.Count ?? 0);
        faults.Throw();
    }
}
