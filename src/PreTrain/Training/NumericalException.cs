namespace PreTrain.Training;

/// <summary>A loss or a gradient norm is not a finite number, or is a spike that ends the training. The weights are those before the step.</summary>
public sealed class NumericalException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="fault">What is wrong.</param>
    public NumericalException(TrainingFault fault) : base(Text(fault)) => Fault = fault;

    /// <summary>What is wrong.</summary>
    public TrainingFault Fault { get; }

    private static string Text(TrainingFault fault)
    {
        ArgumentNullException.ThrowIfNull(fault);
        return fault.Message
            + (fault.InARow > 1 ? $" It is the {fault.InARow}. fault without progress." : "")
            + (fault.Dump is null ? "" : $" The batch is in {fault.Dump}.")
            + " Lower the learning rate, lengthen the warm-up, or look at the data; the last checkpoint is not affected.";
    }
}
