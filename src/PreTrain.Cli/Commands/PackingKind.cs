namespace PreTrain.Cli.Commands;

/// <summary>How documents become rows.</summary>
internal enum PackingKind
{
    /// <summary>Windows that are cut anywhere.</summary>
    None,

    /// <summary>Whole documents in full contexts.</summary>
    BestFit,
}
