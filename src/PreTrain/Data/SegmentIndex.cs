using PreTrain.Data.Masking;

namespace PreTrain.Data;

/// <summary>
/// The documents of a range cut into segments of whole sentences, each as long as a row allows: what pairs are made of. Found in one pass over the tokens; nothing but the places is kept.
/// </summary>
internal sealed class SegmentIndex
{
    private const int BlockTokens = 1 << 16;

    private readonly List<(long Start, int Length, int Document)> _segments = [];

    /// <summary>Cuts.</summary>
    /// <param name="range">The tokens.</param>
    /// <param name="table">Says where sentences end.</param>
    /// <param name="maxLength">The most tokens of a segment.</param>
    internal SegmentIndex(TokenRange range, TokenTable table, int maxLength)
    {
        Range = range;
        Table = table;
        MaxLength = maxLength;
        long[] block = new long[BlockTokens];
        long start = 0, sentence = 0, previous = range.Store.EndOfTextId;
        int document = 0;
        for (long at = 0; at < range.Count; at += BlockTokens)
        {
            Span<long> tokens = block.AsSpan(0, (int)Math.Min(BlockTokens, range.Count - at));
            range.Read(at, tokens);
            for (int i = 0; i < tokens.Length; i++)
            {
                long place = at + i, token = tokens[i];
                if (token == range.Store.EndOfTextId)
                {
                    Close(start, place, document++);
                    start = sentence = place + 1;
                }
                else
                {
                    if (place > start && table.IsSentenceBoundary(previous, token)) sentence = place;
                    if (place - start == maxLength)
                    {
                        long end = sentence > start ? sentence : place;   // a sentence that is too long is cut
                        Close(start, end, document);
                        start = sentence = end;
                    }
                }
                previous = token;
            }
        }
        Close(start, range.Count, document);
    }

    /// <summary>The tokens.</summary>
    internal TokenRange Range { get; }

    /// <summary>Says where sentences and words end.</summary>
    internal TokenTable Table { get; }

    /// <summary>The most tokens of a segment.</summary>
    internal int MaxLength { get; }

    /// <summary>Segments.</summary>
    internal int Count => _segments.Count;

    /// <summary>Whether the segments come from two documents at least, so that each has a stranger.</summary>
    internal bool HasSeveralDocuments => Count > 0 && _segments[0].Document != _segments[^1].Document;

    /// <summary>The document of a segment.</summary>
    internal int DocumentOf(int segment) => _segments[segment].Document;

    /// <summary>The tokens of a segment, at least two.</summary>
    internal long[] Read(int segment)
    {
        var (start, length, _) = _segments[segment];
        long[] tokens = new long[length];
        Range.Read(start, tokens);
        return tokens;
    }

    /// <summary>Where a text may be cut in two: between its sentences, or else its words, or else its tokens.</summary>
    internal int[] Cuts(long[] tokens)
    {
        int[] Where(Func<int, bool> isCut) => [.. System.Linq.Enumerable.Range(1, tokens.Length - 1).Where(isCut)];
        int[] sentences = Where(i => Table.IsSentenceBoundary(tokens[i - 1], tokens[i]));
        if (sentences.Length > 0) return sentences;
        int[] words = Where(i => Table.IsWordBoundary(tokens[i - 1], tokens[i]));
        return words.Length > 0 ? words : Where(_ => true);
    }

    private void Close(long start, long end, int document)
    {
        if (end - start >= 2) _segments.Add((start, (int)(end - start), document));
    }
}
