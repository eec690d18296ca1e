namespace PreTrain.Tokenization;

/// <summary>How <see cref="ByteLevelBpeTokenizer.Train"/> trains. The defaults are those of Hugging Face's <c>BpeTrainer</c>, except for
/// the special token.</summary>
public sealed record ByteLevelBpeOptions
{
    /// <summary>The number of tokens to reach, special tokens and the 256 bytes included. Fewer come out where the corpus has no more
    /// pairs of <see cref="MinFrequency"/>.</summary>
    /// <value>The default is 30000. At least 256 plus the special tokens.</value>
    public int VocabSize { get; init; } = 30_000;

    /// <summary>How often a pair must occur to be merged.</summary>
    /// <value>The default is 0, which merges whatever occurs at all.</value>
    public long MinFrequency { get; init; }

    /// <summary>Tokens that mark structure. They get the first ids, in this order. A document ends with <c>&lt;/s&gt;</c>, <c>[EOS]</c> or
    /// <c>&lt;|endoftext|&gt;</c> where they are among them, else with the first whose name is not known for another use, as <c>&lt;s&gt;</c> and <c>[PAD]</c> are.</summary>
    /// <value>The default is <c>&lt;|endoftext|&gt;</c> alone.</value>
    public IReadOnlyList<string> SpecialTokens { get; init; } = ["<|endoftext|>"];

    /// <summary>How long tokens stay, in bytes: pairs that would reach this length are not merged, except for those of two bytes.</summary>
    /// <value>The default is <see langword="null"/>: no limit.</value>
    public int? MaxTokenLength { get; init; }

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
        var faults = new List<string>();
        if (MinFrequency < 0)
            faults.Add($"MinFrequency ({MinFrequency}) must not be negative; use 0 to merge every pair that occurs.");
        if (MaxTokenLength < 1)
            faults.Add($"MaxTokenLength ({MaxTokenLength}) must be at least 1; use null for no limit.");
        if (Threads < 0)
            faults.Add($"Threads ({Threads}) must not be negative; use 0 for all processors.");
        if (MemoryLimitBytes is not 0 and < 1 << 20)
            faults.Add($"MemoryLimitBytes ({MemoryLimitBytes}) must be at least {1 << 20}; use 0 for no limit.");
        if (SpecialTokens is null)
        {
            faults.Add("SpecialTokens must not be null; use an empty list for none.");
        }
        else
        {
            if (SpecialTokens.Any(string.IsNullOrEmpty))
                faults.Add("SpecialTokens must not hold an empty token; remove it.");
            foreach (string token in SpecialTokens.Where(token => !string.IsNullOrEmpty(token)).GroupBy(token => token).Where(g => g.Count() > 1).Select(g => g.Key))
                faults.Add($"SpecialTokens holds '{token}' more than once; remove one of them.");
            int smallest = 256 + SpecialTokens.Where(token => !string.IsNullOrEmpty(token)).Distinct().Count(token => token is not { Length: 1 } || ByteAlphabet.ToByte(token[0]) < 0);
            if (VocabSize < smallest)
                faults.Add($"VocabSize ({VocabSize}) must be at least {smallest}: the 256 bytes and the special tokens.");
        }

        if (faults.Count > 0)
            throw new ArgumentException(string.Join(Environment.NewLine, faults));
    }
}
