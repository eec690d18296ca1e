namespace PreTrain.Data;

/// <summary>How <see cref="PackedContexts.Pack"/> fills contexts.</summary>
public sealed record PackingOptions
{
    /// <summary>Inputs of a context, T.</summary>
    /// <value>The default is 1024.</value>
    public int ContextLength { get; init; } = 1024;

    /// <summary>
    /// The share of the contexts' places that holds tokens at least. Where whole documents cannot fill as much, some are cut. Only a store of a few contexts
    /// can fall below it: the last one cannot be filled with what is not there.
    /// </summary>
    /// <value>The default is 0.98.</value>
    public double MinimumFill { get; init; } = 0.98;

    /// <summary>
    /// Whether a context is one text, as GPT-2 and nanoGPT read it: the end-of-text token of each document is an input too, and its target is the first token of the next document. If
    /// not, documents stand side by side, each with its own tokens alone.
    /// </summary>
    /// <value>The default is false.</value>
    public bool JoinsDocuments { get; init; }

    /// <summary>What decides which documents of one length come together.</summary>
    /// <value>The default is 0.</value>
    public ulong Seed { get; init; }

    /// <summary>Checks all values.</summary>
    /// <exception cref="ArgumentException">Some are out of range; the message lists all of them.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (ContextLength is < 1 or > 1 << 24)
            faults.Add($"ContextLength ({ContextLength}) must be from 1 to {1 << 24}.");
        if (!(MinimumFill is >= 0 and < 1))
            faults.Add($"MinimumFill ({MinimumFill}) must be at least 0 and less than 1; 0 cuts no document that fits into a context.");
        if (faults.Count > 0)
            throw new ArgumentException(string.Join(Environment.NewLine, faults));
    }
}
