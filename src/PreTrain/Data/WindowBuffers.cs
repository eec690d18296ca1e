namespace PreTrain.Data;

/// <summary>The checks that everything which fills (B, T) buffers shares.</summary>
internal static class WindowBuffers
{
    public static void Check(ReadOnlySpan<long> inputs, ReadOnlySpan<long> targets, int batchSize, int contextLength)
    {
        if (batchSize < 1)
            throw new ArgumentOutOfRangeException(nameof(batchSize), batchSize, $"batchSize ({batchSize}) must be at least 1.");
        var size = (long)batchSize * contextLength;
        if (inputs.Length != size)
            throw new ArgumentException(Message("inputs", inputs.Length), nameof(inputs));
        if (targets.Length != size)
            throw new ArgumentException(Message("targets", targets.Length), nameof(targets));

        string Message(string name, int length) =>
            $"{name} holds {length} values; batchSize ({batchSize}) × contextLength ({contextLength}) = {size} are needed.";
    }
}
