namespace PreTrain.Training;

/// <summary>A loss or a gradient norm is not a finite number. The weights are those before the step.</summary>
public sealed class NumericalException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="quantity">What is not finite: <c>loss</c> or <c>gradient norm</c>.</param>
    /// <param name="step">The step, from 1.</param>
    /// <param name="value">The value.</param>
    /// <param name="dump">The file with the batch, if one could be written.</param>
    public NumericalException(string quantity, int step, double value, string? dump)
        : base(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"The {quantity} of step {step} is {value}. ")
            + (dump is null ? "" : $"The batch is in {dump}. ")
            + "Lower the learning rate, lengthen the warm-up, or look at the data; the last checkpoint is not affected.")
    {
        Quantity = quantity;
        Step = step;
        Value = value;
        Dump = dump;
    }

    /// <summary>What is not finite.</summary>
    public string Quantity { get; }

    /// <summary>The step, from 1.</summary>
    public int Step { get; }

    /// <summary>The value.</summary>
    public double Value { get; }

    /// <summary>The file with the batch; null if it could not be written.</summary>
    public string? Dump { get; }
}
