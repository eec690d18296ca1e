namespace PreTrain.Data;

/// <summary>How <see cref="TokenStore.Build"/> works.</summary>
public sealed record TokenStoreOptions
{
    /// <summary>Bits of a stored token.</summary>
    /// <value>The default is <see cref="TokenIdWidth.Auto"/>.</value>
    public TokenIdWidth IdWidth { get; init; } = TokenIdWidth.Auto;

    /// <summary>Threads that tokenize; 0 means one for each processor. The store is the same for any number.</summary>
    /// <value>The default is 0.</value>
    public int Threads { get; init; }

    /// <summary>The text that may be read ahead of the file, in UTF-16 code units: the bound of the memory that a build needs. A longer document is read alone.</summary>
    /// <value>The default is 16,777,216.</value>
    public int BufferedCharacters { get; init; } = 16 * 1024 * 1024;

    /// <summary>Whether a token store that is already in the folder is replaced. Anything else in the folder is never replaced.</summary>
    /// <value>The default is <see langword="false"/>.</value>
    public bool Overwrite { get; init; }

    /// <summary>Is told from time to time how far the build has come.</summary>
    /// <value>The default is <see langword="null"/>.</value>
    public IProgress<TokenStoreProgress>? Progress { get; init; }

    /// <summary>Checks all values.</summary>
    /// <exception cref="ArgumentException">Some are out of range; the message lists all of them.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (!Enum.IsDefined(IdWidth))
            faults.Add($"IdWidth ({(int)IdWidth}) must be Auto, Bits16 or Bits32.");
        if (Threads < 0)
            faults.Add($"Threads ({Threads}) must be 0 (one for each processor) or more.");
        if (BufferedCharacters < TokenStoreBuilder.BatchCharacters)
            faults.Add($"BufferedCharacters ({BufferedCharacters}) must be at least {TokenStoreBuilder.BatchCharacters}.");
        if (faults.Count > 0)
            throw new ArgumentException(string.Join(Environment.NewLine, faults));
    }
}
