using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.Unicode;

/// <summary>
/// Brings texts into a normal form of Unicode (Standard Annex 15). .NET's own normalization does nothing where globalization is invariant, and keeps no
/// account of what became of each character.
/// </summary>
internal static class NormalForm
{
    [ThreadStatic]
    private static List<Part>? t_parts;

    /// <summary>Normalizes a text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="composes">Whether characters are composed again: NFC and NFKC.</param>
    /// <param name="compatible">Whether compatibility decompositions count: NFKC and NFKD.</param>
    public static void Apply(WorkText text, bool composes, bool compatible)
    {
        // Below it nothing changes: the first combining mark, the first letter with an accent, the first compatibility character.
        char first = compatible ? '\u00a0' : composes ? '\u0300' : '\u00c0';
        if (!text.Chars.ContainsAnyInRange(first, '\uffff'))
            return;
        List<Part> parts = t_parts ??= [];
        parts.Clear();
        Decompose(text.Chars, compatible, parts);
        text.BeginRewrite();
        if (composes)
            Compose(parts, text);
        else
            parts.ForEach(part => text.Emit(part.CodePoint, part.Change));
        text.EndRewrite();
        if (parts.Capacity > 1 << 16)
            t_parts = null;
    }

    private static void Decompose(ReadOnlySpan<char> text, bool compatible, List<Part> parts)
    {
        Span<int> decomposed = stackalloc int[24];
        int marksFrom = 0;
        for (int i = 0, width; i < text.Length; i += width)
        {
            int codePoint = Characters.At(text, i, out width);
            int count = DecompositionTable.Decompose(codePoint, compatible, decomposed);
            for (int k = 0; k < count; k++)
            {
                byte order = DecompositionTable.ClassOf(decomposed[k]);
                if (order == 0)
                {
                    Sort(parts, marksFrom);
                    marksFrom = parts.Count + 1;
                }

                parts.Add(new Part(decomposed[k], k == 0 ? 0 : 1, order));
            }
        }

        Sort(parts, marksFrom);
    }

    /// <summary>Brings marks into the order of their classes, and leaves those of one class as they are.</summary>
    private static void Sort(List<Part> parts, int from)
    {
        if (parts.Count - from < 2)
            return;
        Part[] sorted = [.. parts.Skip(from).OrderBy(part => part.Order)];
        for (int i = 0; i < sorted.Length; i++)
            parts[from + i] = sorted[i];
    }

    private static void Compose(List<Part> parts, WorkText text)
    {
        int i = 0;
        for (; i < parts.Count && parts[i].Order != 0; i++)
            text.Emit(parts[i].CodePoint, parts[i].Change);
        var marks = new List<Part>();
        while (i < parts.Count)
        {
            Part starter = parts[i++];
            int last = -1;   // the class of the last mark that stayed
            marks.Clear();
            for (; i < parts.Count; i++)
            {
                Part part = parts[i];
                if (last < part.Order && DecompositionTable.Compose(starter.CodePoint, part.CodePoint) is >= 0 and int composed)
                {
                    starter = new Part(composed, starter.Change + part.Change - 1, 0);
                    continue;
                }

                if (part.Order == 0)
                    break;
                marks.Add(part);
                last = part.Order;
            }

            text.Emit(starter.CodePoint, starter.Change);
            foreach (Part mark in marks)
                text.Emit(mark.CodePoint, mark.Change);
        }
    }

    /// <summary>A decomposed character: the change that <see cref="WorkText.Emit"/> takes, and its combining class.</summary>
    private readonly record struct Part(int CodePoint, int Change, byte Order);
}
