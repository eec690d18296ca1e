namespace PreTrain.Cli.Commands;

/// <summary>Where the updates of an adapter start to look.</summary>
internal enum AdapterStart
{
    /// <summary>In random directions.</summary>
    Random,

    /// <summary>In those in which the loss falls fastest.</summary>
    Gradient,
}
