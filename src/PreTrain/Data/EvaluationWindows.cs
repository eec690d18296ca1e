namespace PreTrain.Data;

/// <summary>
/// A range of tokens in order, as windows of <see cref="ContextLength"/> inputs with the targets one token later. Every token but the range's first is a
/// target exactly once; the last window may be partly filled.
/// </summary>
public sealed class EvaluationWindows
{
    /// <summary>The target of a place that does not count: the value that cross entropy ignores by default.</summary>
    public const long IgnoredTarget = -100;

    /// <summary>Cuts a range into windows.</summary>
    /// <param name="range">The tokens, at least two.</param>
    /// <param name="contextLength">Inputs of a window, T.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="contextLength"/> is not positive.</exception>
    /// <exception cref="CorpusException">The range holds fewer than two tokens, so that there is nothing to predict.</exception>
    public EvaluationWindows(TokenRange range, int contextLength)
    {
        ArgumentNullException.ThrowIfNull(range);
        if (contextLength < 1)
        {
            throw new ArgumentOutOfRangeException(nameof(contextLength), contextLength,
                $"contextLength ({contextLength}) must be at least 1; it is the number of input tokens of a window.");
        }
        if (range.Count < 2)
        {
            throw new CorpusException(
                $"The range holds {range.Count} tokens; an evaluation takes at least 2, one to read and one to predict. Use more text or a larger share of it.",
                range.Store.Folder);
        }
        Range = range;
        ContextLength = contextLength;
    }

    /// <summary>The tokens that are evaluated.</summary>
    public TokenRange Range { get; }

    /// <summary>Inputs of a window, T.</summary>
    public int ContextLength { get; }

    /// <summary>The number of windows.</summary>
    public long Count => (TargetCount + ContextLength - 1) / ContextLength;

    /// <summary>The number of targets in all windows together: one less than the tokens.</summary>
    public long TargetCount => Range.Count - 1;

    /// <summary>The number of targets in one window: T, or less in the last.</summary>
    /// <param name="window">The window, from 0 to <see cref="Count"/> − 1.</param>
    /// <returns>The valid length.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="window"/> is out of range.</exception>
    public int ValidLength(long window)
    {
        if ((ulong)window >= (ulong)Count)
            throw new ArgumentOutOfRangeException(nameof(window), window, $"window ({window}) must be at least 0 and less than Count ({Count}).");
        return (int)Math.Min(ContextLength, TargetCount - window * ContextLength);
    }

    /// <summary>Reads consecutive windows into one batch that is as long as the longest of them, which only a last one alone makes shorter than T.</summary>
    /// <param name="firstWindow">The window in the batch's first row, from 0 to <see cref="Count"/> − 1.</param>
    /// <param name="batchSize">The most rows; there are no more than windows.</param>
    /// <returns>The batch, and the number of its targets that count.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The window is out of range, or <paramref name="batchSize"/> is not positive.</exception>
    public (WindowBatch Batch, long ValidTargets) Read(long firstWindow, int batchSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchSize);
        var length = ValidLength(firstWindow);
        var batch = new WindowBatch((int)Math.Min(batchSize, Count - firstWindow), length);
        return (batch, Fill(firstWindow, batch.Inputs, batch.Targets, batch.BatchSize, length));
    }

    /// <summary>Reads consecutive windows into one batch. Places past the end have the input 0 and the target <see cref="IgnoredTarget"/>.</summary>
    /// <param name="firstWindow">The window in the batch's first row, from 0 to <see cref="Count"/> − 1.</param>
    /// <param name="inputs">Receives the inputs, (B, T) row by row.</param>
    /// <param name="targets">Receives the targets, (B, T).</param>
    /// <param name="batchSize">Rows of the batch, B. Rows past the last window are wholly ignored places.</param>
    /// <returns>The number of targets that count.</returns>
    /// <exception cref="ArgumentException">The window is out of range, or a buffer does not hold B × T values.</exception>
    public long Fill(long firstWindow, Span<long> inputs, Span<long> targets, int batchSize)
    {
        WindowBuffers.Check(inputs, targets, batchSize, ContextLength);
        _ = ValidLength(firstWindow);
        return Fill(firstWindow, inputs, targets, batchSize, ContextLength);
    }

    private long Fill(long firstWindow, Span<long> inputs, Span<long> targets, int batchSize, int rowLength)
    {
        long valid = 0;
        for (var row = 0; row < batchSize; row++)
        {
            var rowInputs = inputs.Slice(row * rowLength, rowLength);
            var rowTargets = targets.Slice(row * rowLength, rowLength);
            var window = firstWindow + row;
            var length = window < Count ? ValidLength(window) : 0;
            Range.Read(window < Count ? window * ContextLength : 0, rowInputs[..length]);
            Range.Read(window < Count ? window * ContextLength + 1 : 0, rowTargets[..length]);
            rowInputs[length..].Clear();
            rowTargets[length..].Fill(IgnoredTarget);
            valid += length;
        }
        return valid;
    }
}
