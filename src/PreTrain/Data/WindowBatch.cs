namespace PreTrain.Data;

/// <summary>Windows that are ready for use. B batch, T context length.</summary>
public sealed class WindowBatch
{
    internal WindowBatch(int batchSize, int contextLength)
    {
        BatchSize = batchSize;
        ContextLength = contextLength;
        Inputs = new long[checked(batchSize * contextLength)];
        Targets = new long[Inputs.Length];
    }

    /// <summary>The number of windows, B.</summary>
    public int BatchSize { get; }

    /// <summary>Tokens of a window, T.</summary>
    public int ContextLength { get; }

    /// <summary>Token ids, (B, T) row by row.</summary>
    public long[] Inputs { get; }

    /// <summary>The token after each input, (B, T); <see cref="EvaluationWindows.IgnoredTarget"/> where there is none.</summary>
    public long[] Targets { get; }
}
