using PreTrain.Data.Images;

namespace PreTrain.Objectives;

/// <summary>What one micro-batch is made of, in plain memory: it was prepared off the training thread.</summary>
public sealed record Batch
{
    /// <summary>Token ids, row by row: <see cref="Rows"/> × <see cref="Length"/>.</summary>
    public required long[] Inputs { get; init; }

    /// <summary>The targets, <see cref="Rows"/> × <see cref="TargetLength"/>; <see cref="Modules.CrossEntropy.Ignored"/> where a position does not count.</summary>
    public required long[] Targets { get; init; }

    /// <summary>Sequences.</summary>
    public required int Rows { get; init; }

    /// <summary>Tokens of a sequence; patches of an image, in all its views.</summary>
    public required int Length { get; init; }

    /// <summary>Positions that count.</summary>
    public required long ValidTargets { get; init; }

    /// <summary>Targets of a sequence: <see cref="Length"/>, or of a model with a decoder the tokens that it writes.</summary>
    public int TargetLength => Rows == 0 ? Length : Targets.Length / Rows;

    /// <summary>1 where there is a token and 0 where there is none, in the order of <see cref="Inputs"/>; null where all are.</summary>
    public long[]? AttentionMask { get; init; }

    /// <summary>Each token's segment, in the order of <see cref="Inputs"/>; null for none.</summary>
    public long[]? TokenTypes { get; init; }

    /// <summary>How many tokens at the beginning of each sequence see each other; null for what the model does by itself.</summary>
    public int[]? PrefixLengths { get; init; }

    /// <summary>A class for each sequence; null for none.</summary>
    public long[]? Labels { get; init; }

    /// <summary>A number for each sequence that is to be predicted, and whose <see cref="Targets"/> are but 0 then; null for none.</summary>
    public float[]? Values { get; init; }

    /// <summary>An image for each row, of a batch that has no tokens; null for none. As many patches of each count.</summary>
    public ImageBatch? Images { get; init; }

    /// <summary>A second view of each image; null for none.</summary>
    public ImageBatch? OtherViews { get; init; }

    /// <summary>What the loss draws follows from this number.</summary>
    public long Seed { get; init; }

    /// <summary>The objective of a mixture that made the batch.</summary>
    public int Part { get; init; }

    /// <summary>The batch that this one is a piece of; null for a whole one. What a loss weighs by the numbers of a batch, it weighs by those of the whole.</summary>
    public Batch? Whole { get; init; }

    /// <summary>Cuts the batch into pieces, whose losses for one normalizer sum to that of the batch. What is drawn in a piece follows from a seed of its own.</summary>
    /// <param name="rows">The most rows of a piece.</param>
    /// <returns>The pieces in order; the batch itself where it has no more rows.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="rows"/> is not positive.</exception>
    public IReadOnlyList<Batch> Split(int rows)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        if (Rows <= rows) return [this];
        var pieces = new List<Batch>();
        for (int first = 0; first < Rows; first += rows)
        {
            int count = Math.Min(rows, Rows - first);
            long[] targets = Slice(Targets, first, count)!;
            pieces.Add(this with
            {
                Inputs = Slice(Inputs, first, count)!,
                Targets = targets,
                Rows = count,
                ValidTargets = Images is null ? targets.LongCount(target => target != Modules.CrossEntropy.Ignored) : ValidTargets / Rows * count,
                AttentionMask = Slice(AttentionMask, first, count),
                TokenTypes = Slice(TokenTypes, first, count),
                PrefixLengths = Slice(PrefixLengths, first, count),
                Labels = Slice(Labels, first, count),
                Values = Slice(Values, first, count),
                Images = Images?.Slice(first, count),
                OtherViews = OtherViews?.Slice(first, count),
                Seed = unchecked(Seed + first),
                Whole = Whole ?? this,
            });
        }
        return pieces;
    }

    private T[]? Slice<T>(T[]? values, int firstRow, int rows)
    {
        if (values is null) return null;
        int width = values.Length / Rows;
        return values[(firstRow * width)..((firstRow + rows) * width)];
    }
}
