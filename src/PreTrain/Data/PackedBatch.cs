using System.Runtime.InteropServices;

namespace PreTrain.Data;

/// <summary>Packed contexts that are ready for use. B batch, T context length.</summary>
public sealed class PackedBatch
{
    private readonly List<int> lengths = [];
    private readonly MixtureDraw[] draws;

    /// <summary>Creates room for a batch.</summary>
    /// <param name="batchSize">Contexts, B.</param>
    /// <param name="contextLength">Tokens of a context, T.</param>
    /// <exception cref="ArgumentOutOfRangeException">One is not positive.</exception>
    public PackedBatch(int batchSize, int contextLength)
    {
        if (batchSize < 1)
            throw new ArgumentOutOfRangeException(nameof(batchSize), batchSize, $"batchSize ({batchSize}) must be at least 1.");
        if (contextLength < 1)
            throw new ArgumentOutOfRangeException(nameof(contextLength), contextLength, $"contextLength ({contextLength}) must be at least 1.");
        (BatchSize, ContextLength) = (batchSize, contextLength);
        Inputs = new long[checked(batchSize * contextLength)];
        Targets = new long[Inputs.Length];
        Positions = new long[Inputs.Length];
        Documents = new int[Inputs.Length];
        draws = new MixtureDraw[batchSize];
    }

    /// <summary>The number of contexts, B.</summary>
    public int BatchSize { get; }

    /// <summary>Tokens of a context, T.</summary>
    public int ContextLength { get; }

    /// <summary>Token ids, (B, T) row by row; places that are not filled have the end-of-text token.</summary>
    public long[] Inputs { get; }

    /// <summary>The token after each input in its document, or where documents are joined, in its context, (B, T); −100 where there is none.</summary>
    public long[] Targets { get; }

    /// <summary>The place of each input in its piece of a document, (B, T), from 0; 0 where no place is filled.</summary>
    public long[] Positions { get; }

    /// <summary>Which document of its row each input belongs to, (B, T), from 0; −1 where no place is filled. Attention that stays within documents compares these.</summary>
    public int[] Documents { get; }

    /// <summary>The lengths of all documents, row by row: the blocks of attention, and the sequences of a batch without padding.</summary>
    public ReadOnlySpan<int> SequenceLengths => CollectionsMarshal.AsSpan(lengths);

    /// <summary>Where each row comes from.</summary>
    public ReadOnlySpan<MixtureDraw> Draws => draws;

    /// <summary>Where the sampler stands after this batch.</summary>
    public MixtureState State { get; internal set; }

    internal void Clear() => lengths.Clear();

    internal void Put(int row, PackedContexts contexts, MixtureDraw draw)
    {
        var (from, end) = (row * ContextLength, (row + 1) * ContextLength);
        contexts.Read(draw.Context, Inputs.AsSpan(from..end), Targets.AsSpan(from..end));
        draws[row] = draw;
        var at = from;
        var document = 0;
        foreach (var length in contexts.SequenceLengths(draw.Context))
        {
            for (var i = 0; i < length; i++)
                Positions[at + i] = i;
            Documents.AsSpan(at, length).Fill(document++);
            lengths.Add(length);
            at += length;
        }
        Positions.AsSpan(at..end).Clear();
        Documents.AsSpan(at..end).Fill(-1);
    }
}
