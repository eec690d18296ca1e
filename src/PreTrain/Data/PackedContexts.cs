namespace PreTrain.Data;

/// <summary>
/// Documents of a token store laid out in contexts of one length, as full as can be, each document with its bounds: attention may then stay within a document, and
/// positions begin anew with each.
/// </summary>
/// <remarks>
/// <para>
/// Documents that are longer than a context are cut into contexts and a rest; the pieces are placed longest first, each where the least room is left that holds it
/// (best-fit decreasing: Ding et al., "Fewer truncations improve language modeling", ICML 2024, section 3). If that leaves more room than
/// <see cref="PackingOptions.MinimumFill"/> allows, the emptiest contexts are taken apart to fill the others, which cuts documents.
/// </para>
/// <para>
/// The inputs of a document are its tokens and the targets the tokens after them, to the end-of-text token, so that each place has a target. Where a context is one text
/// (<see cref="PackingOptions.JoinsDocuments"/>), the end-of-text token is an input as well, and only the last document of a context may lack its end. About 20 bytes of memory are
/// needed for each piece; the tokens stay in the store. Reading is safe for several threads.
/// </para>
/// </remarks>
public sealed class PackedContexts
{
    /// <summary>The target of places that are not filled.</summary>
    public const long IgnoredTarget = EvaluationWindows.IgnoredTarget;

    private readonly long[] pieceStarts;
    private readonly int[] pieceLengths;
    private readonly int[] contextPieces;   // of each context its first piece, and the number of pieces at the end
    private readonly bool joins;

    private PackedContexts(TokenRange range, PackingOptions options, long[] pieceStarts, int[] pieceLengths, int[] contextPieces, int cuts)
    {
        (Range, ContextLength, joins, this.pieceStarts, this.pieceLengths, this.contextPieces) = (range, options.ContextLength, options.JoinsDocuments, pieceStarts, pieceLengths, contextPieces);
        CutCount = cuts;
        TokenCount = pieceLengths.Sum(length => (long)length);
    }

    /// <summary>The tokens that were packed.</summary>
    public TokenRange Range { get; }

    /// <summary>Inputs of a context, T.</summary>
    public int ContextLength { get; }

    /// <summary>The number of contexts.</summary>
    public int Count => contextPieces.Length - 1;

    /// <summary>The inputs in all contexts together.</summary>
    public long TokenCount { get; }

    /// <summary>The share of the places that holds a token.</summary>
    public double Fill => (double)TokenCount / ((long)Count * ContextLength);

    /// <summary>How often a document was cut, because it is longer than a context or to fill one.</summary>
    public int CutCount { get; }

    /// <summary>Packs the documents of a range.</summary>
    /// <param name="range">The tokens. A document that only in part lies in the range counts with this part.</param>
    /// <param name="options">How to pack.</param>
    /// <returns>The contexts. They follow from the tokens and the options alone.</returns>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    /// <exception cref="CorpusException">The range holds no two tokens of one document, or more pieces than there can be.</exception>
    public static PackedContexts Pack(TokenRange range, PackingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(range);
        options ??= new PackingOptions();
        options.Validate();
        return new Packer(range, options).Pack();
    }

    /// <summary>The inputs of each document in a context.</summary>
    /// <param name="context">The context, from 0 to <see cref="Count"/> − 1.</param>
    /// <returns>Their lengths, from the left.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such context.</exception>
    public ReadOnlySpan<int> SequenceLengths(int context)
    {
        if ((uint)context >= (uint)Count)
            throw new ArgumentOutOfRangeException(nameof(context), context, $"context ({context}) must be at least 0 and less than Count ({Count}).");
        return pieceLengths.AsSpan(contextPieces[context]..contextPieces[context + 1]);
    }

    /// <summary>Reads a context.</summary>
    /// <param name="context">The context, from 0 to <see cref="Count"/> − 1.</param>
    /// <param name="inputs">Receives T inputs; places that are not filled have the end-of-text token.</param>
    /// <param name="targets">Receives T targets; places that are not filled have <see cref="IgnoredTarget"/>, and so has an end-of-text token that nothing follows.</param>
    /// <exception cref="ArgumentException">There is no such context, or a buffer does not hold T values.</exception>
    public void Read(int context, Span<long> inputs, Span<long> targets)
    {
        var lengths = SequenceLengths(context);
        WindowBuffers.Check(inputs, targets, 1, ContextLength);
        var at = 0;
        for (var i = 0; i < lengths.Length; i++)
        {
            var start = pieceStarts[contextPieces[context] + i];
            Range.Store.Read(start, inputs.Slice(at, lengths[i]));
            if (joins && inputs[at + lengths[i] - 1] == Range.Store.EndOfTextId)
            {
                Range.Store.Read(start + 1, targets.Slice(at, lengths[i] - 1));
                targets[at + lengths[i] - 1] = IgnoredTarget;
                if (i + 1 < lengths.Length)
                    Range.Store.Read(pieceStarts[contextPieces[context] + i + 1], targets.Slice(at + lengths[i] - 1, 1));
            }
            else
            {
                Range.Store.Read(start + 1, targets.Slice(at, lengths[i]));
            }
            at += lengths[i];
        }
        inputs[at..].Fill(Range.Store.EndOfTextId);
        targets[at..].Fill(IgnoredTarget);
    }

    /// <summary>The work of packing, with what it needs for a while.</summary>
    private sealed class Packer(TokenRange range, PackingOptions options)
    {
        private readonly int contextLength = options.ContextLength;
        private readonly List<long> starts = [];
        private readonly List<int> lengths = [];
        private List<int> contextOf = [];
        private List<int> room = [];
        private int cuts;

        public PackedContexts Pack()
        {
            Collect();
            (contextOf, room) = BestFit.Place(lengths, contextLength, options.Seed);
            var count = TakeApart();
            var first = new int[count + 1];
            foreach (var context in contextOf)
                first[context + 1]++;
            for (var i = 0; i < count; i++)
                first[i + 1] += first[i];
            var next = first.ToArray();
            var (sortedStarts, sortedLengths) = (new long[starts.Count], new int[starts.Count]);
            for (var rank = 0; rank < (options.JoinsDocuments ? 3 : 1); rank++)
            {
                for (var piece = 0; piece < starts.Count; piece++)
                {
                    if (options.JoinsDocuments && Rank(piece) != rank)
                        continue;
                    var place = next[contextOf[piece]]++;
                    (sortedStarts[place], sortedLengths[place]) = (starts[piece], lengths[piece]);
                }
            }
            return new PackedContexts(range, options, sortedStarts, sortedLengths, first, cuts);
        }

        private void Collect()
        {
            var store = range.Store;
            var end = range.Start + range.Count;
            var document = FirstDocument(store);
            for (var start = document < store.DocumentCount ? store.DocumentStart(document) : end; document < store.DocumentCount && start < end; document++)
            {
                var next = document + 1 < store.DocumentCount ? store.DocumentStart(document + 1) : store.Count;
                var (from, last) = (Math.Max(start, range.Start), Math.Min(next, end) - 1);
                var inputsEnd = options.JoinsDocuments && next <= end ? next : last;
                for (; from < last; from += contextLength)
                {
                    starts.Add(from);
                    lengths.Add((int)Math.Min(contextLength, inputsEnd - from));
                    cuts += from + contextLength < last ? 1 : 0;
                }
                start = next;
            }
            if (starts.Count == 0)
                throw new CorpusException($"The range of {range.Count} tokens holds no two tokens of one document; there is nothing to predict. Use more text.", store.Folder);
        }

        // A document's end alone comes first in its context, and what lacks its end last: between two documents then stands one end-of-text token.
        private int Rank(int piece)
        {
            Span<long> last = [0];
            range.Store.Read(starts[piece] + lengths[piece] - 1, last);
            return last[0] != range.Store.EndOfTextId ? 2 : lengths[piece] > 1 ? 1 : 0;
        }

        // The last document that does not begin behind the range's start.
        private long FirstDocument(TokenStore store)
        {
            long low = 0, high = store.DocumentCount - 1;
            while (low < high)
            {
                var middle = (low + high + 1) / 2;
                if (store.DocumentStart(middle) <= range.Start)
                    low = middle;
                else
                    high = middle - 1;
            }
            return low;
        }

        // Returns the number of contexts that are left; they are numbered anew.
        private int TakeApart()
        {
            var total = lengths.Sum(length => (long)length);
            var least = (total + contextLength - 1) / contextLength;
            var allowed = options.MinimumFill > 0 ? (long)(total / (options.MinimumFill * contextLength)) : room.Count;
            var count = (int)Math.Min(room.Count, Math.Max(least, allowed));
            int[] emptiestFirst = [.. Enumerable.Range(0, room.Count).OrderByDescending(context => room[context])];
            var dissolved = room.Count - count;
            var number = new int[room.Count];
            for (var i = 0; i < dissolved; i++)
                number[emptiestFirst[i]] = -1;
            for (int context = 0, kept = 0; context < number.Length; context++)
                number[context] = number[context] < 0 ? -1 : kept++;
            var target = dissolved;
            for (int piece = 0, pieces = starts.Count; piece < pieces; piece++)
            {
                if (number[contextOf[piece]] >= 0)
                {
                    contextOf[piece] = number[contextOf[piece]];
                    continue;
                }
                var (start, length) = (starts[piece], lengths[piece]);
                for (var isFirst = true; length > 0; isFirst = false)
                {
                    while (room[emptiestFirst[target]] == 0)
                        target++;
                    var part = Math.Min(length, room[emptiestFirst[target]]);
                    room[emptiestFirst[target]] -= part;
                    if (isFirst)
                        (lengths[piece], contextOf[piece]) = (part, number[emptiestFirst[target]]);
                    else
                    {
                        starts.Add(start);
                        lengths.Add(part);
                        contextOf.Add(number[emptiestFirst[target]]);
                        cuts++;
                    }
                    start += part;
                    length -= part;
                }
            }
            return count;
        }
    }
}
