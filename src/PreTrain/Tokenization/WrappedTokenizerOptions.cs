namespace PreTrain.Tokenization;

/// <summary>What <see cref="WrappedTokenizer"/> must be told, since the base class of <c>Microsoft.ML.Tokenizers</c> cannot say it.</summary>
public sealed record WrappedTokenizerOptions
{
    /// <summary>The highest id plus one.</summary>
    /// <value>Required; at least 1.</value>
    public required int VocabSize { get; init; }

    /// <summary>A name that tells the tokenizer from others; a part of the fingerprint.</summary>
    /// <value>The default is empty.</value>
    public string Name { get; init; } = "";

    /// <summary>The special tokens with their ids.</summary>
    /// <value>The default is none.</value>
    public IReadOnlyDictionary<string, int> SpecialTokens { get; init; } = new Dictionary<string, int>();

    /// <summary>The tokens that have a role.</summary>
    /// <value>The default is none.</value>
    public SpecialTokenIds Roles { get; init; } = new();

    /// <summary>Checks all options together.</summary>
    /// <exception cref="ArgumentException">At least one of them is not valid; the message names each.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (VocabSize < 1)
            faults.Add($"VocabSize ({VocabSize}) must be at least 1.");
        foreach ((string token, int id) in SpecialTokens)
        {
            if (id < 0 || id >= VocabSize)
                faults.Add($"The special token '{token}' has the id {id}, which must be from 0 to {VocabSize - 1}.");
        }

        foreach (IGrouping<int, string> twice in SpecialTokens.GroupBy(entry => entry.Value, entry => entry.Key).Where(g => g.Count() > 1))
            faults.Add($"The special tokens {string.Join(" and ", twice.Select(token => $"'{token}'"))} have the same id {twice.Key}; ids must be different.");
        if (faults.Count > 0)
            throw new ArgumentException(string.Join(Environment.NewLine, faults));
    }
}
