namespace PreTrain.Optimization;

/// <summary>How <see cref="MuonOptions"/> scales the orthogonal update of a matrix of some rows and columns.</summary>
public enum MuonScaling
{
    /// <summary>By 0.2·√max(rows, columns), about the size of AdamW's updates, so that one learning rate serves both (Liu et al. 2025, section 2.2).</summary>
    MatchAdamW,

    /// <summary>By √max(1, rows / columns), as the original program does, with a learning rate of about 0.02.</summary>
    Original,
}
