namespace PreTrain.Data;

/// <summary>Cuts documents into chunks of at most so many words: one after another, overlapping, or of whole sentences. Within a chunk, the text stays as it is.</summary>
public sealed class Chunking : CorpusStep
{
    private readonly int words, overlap;
    private readonly ChunkUnit unit;

    /// <summary>Creates the step.</summary>
    /// <param name="words">The most words of a chunk. A word is a run of characters that are not white space.</param>
    /// <param name="overlap">Words that a chunk has in common with the one before; of sentences, as many whole ones as fit into it.</param>
    /// <param name="unit">Where cuts may lie.</param>
    /// <exception cref="ArgumentException"><paramref name="words"/> is less than 1, or <paramref name="overlap"/> not from 0 to one less than it.</exception>
    public Chunking(int words, int overlap = 0, ChunkUnit unit = ChunkUnit.Words)
    {
        if (words < 1)
            throw new ArgumentOutOfRangeException(nameof(words), words, $"words ({words}) must be at least 1.");
        if (overlap < 0 || overlap >= words)
            throw new ArgumentOutOfRangeException(nameof(overlap), overlap, $"overlap ({overlap}) must be at least 0 and less than words ({words}), so that each chunk goes on.");
        if (!Enum.IsDefined(unit))
            throw new ArgumentException($"unit ({(int)unit}) must be Words or Sentences.", nameof(unit));
        (this.words, this.overlap, this.unit) = (words, overlap, unit);
    }

    /// <inheritdoc/>
    public override string Name => "chunking";

    /// <inheritdoc/>
    protected internal override void Process(string document, CorpusStepOutput output)
    {
        ArgumentNullException.ThrowIfNull(document);
        ArgumentNullException.ThrowIfNull(output);
        var pieces = unit == ChunkUnit.Words ? [.. Words.Find(document).Select(word => (word.Start, word.Length, 1))] : Sentenced(document);
        if (pieces.Count == 0)
            output.Drop("no word");
        for (var first = 0; first < pieces.Count;)
        {
            int last = first, size = pieces[first].Item3;
            while (last + 1 < pieces.Count && size + pieces[last + 1].Item3 <= words)
                size += pieces[++last].Item3;
            var (start, end) = (pieces[first].Start, pieces[last].Start + pieces[last].Length);
            output.Keep(start == 0 && end == document.Length ? document : document[start..end]);
            if (last + 1 == pieces.Count)
                break;
            int next = last + 1, shared = 0;
            for (; next - 1 > first && shared + pieces[next - 1].Item3 <= overlap; next--)
                shared += pieces[next - 1].Item3;
            // What is shared leaves room for the piece behind it; else the next chunk would lie inside this one.
            for (; next <= last && shared + pieces[last + 1].Item3 > words; next++)
                shared -= pieces[next].Item3;
            first = next;
        }
    }

    // Sentences, and the parts of those that are too long, with their numbers of words.
    private List<(int Start, int Length, int Words)> Sentenced(string document)
    {
        var pieces = new List<(int, int, int)>();
        foreach (var (start, length) in Sentences.Find(document))
        {
            var found = Words.Find(document.AsSpan(start, length));
            for (var i = 0; i < found.Count; i += words)
            {
                var last = Math.Min(i + words, found.Count) - 1;
                pieces.Add((start + found[i].Start, found[last].Start + found[last].Length - found[i].Start, last - i + 1));
            }
        }
        return pieces;
    }
}
