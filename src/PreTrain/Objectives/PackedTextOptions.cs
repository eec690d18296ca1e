namespace PreTrain.Objectives;

/// <summary>How documents are packed and drawn.</summary>
public sealed record PackedTextOptions
{
    /// <summary>
    /// Whether attention stays within a document and positions begin anew with each, as if it stood in a row by itself (Krell et al. 2021, "Efficient sequence packing without
    /// cross-contamination", section 3.2). If not, a context is one row, in which end-of-text tokens stand between documents, as GPT-2 and nanoGPT read texts; see
    /// <see cref="Data.PackingOptions.JoinsDocuments"/>.
    /// </summary>
    /// <value>The default is true.</value>
    public bool IsolatesDocuments { get; init; } = true;

    /// <summary>The share of the contexts' places that holds tokens at least; see <see cref="Data.PackingOptions.MinimumFill"/>.</summary>
    /// <value>The default is 0.98.</value>
    public double MinimumFill { get; init; } = 0.98;

    /// <summary>Stages in which each source's first epoch goes from short documents to long ones; 1 means none. See <see cref="Data.MixtureOptions.CurriculumStages"/>.</summary>
    /// <value>The default is 1.</value>
    public int CurriculumStages { get; init; } = 1;

    /// <summary>The number of this process among those that draw from the text, from 0.</summary>
    /// <value>The default is 0.</value>
    public int Rank { get; init; }

    /// <summary>
    /// How many processes draw from the text, each its share. Gradients are not exchanged between them: the trainer of each trains a model of its own, and says so. A run may go on with another number whose batches have as many contexts together: what is drawn does not depend on it. The trainer refuses a resumed run
    /// whose batches are others.
    /// </summary>
    /// <value>The default is 1.</value>
    public int RankCount { get; init; } = 1;

    /// <summary>Threads that read ahead.</summary>
    /// <value>The default is 2.</value>
    public int Workers { get; init; } = 2;
}
