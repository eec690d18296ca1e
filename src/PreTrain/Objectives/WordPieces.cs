using PreTrain.Tokenization;

namespace PreTrain.Objectives;

/// <summary>Which tokens stand for the words of a text that was cut into rows.</summary>
internal static class WordPieces
{
    /// <summary>A word's first token, in the row where most is around it (Devlin et al. 2019, appendix A.5).</summary>
    /// <param name="windows">The rows.</param>
    /// <param name="words">Where the words are in the text.</param>
    /// <returns>Of each word the row and the token; null of a word that no token stands for.</returns>
    internal static (int Window, int Token)?[] First(IReadOnlyList<TextWindow> windows, IReadOnlyList<TokenSpan> words)
    {
        var best = new (int Window, int Token)?[words.Count];
        int[] starts = new int[words.Count], around = new int[words.Count];
        for (int w = 0; w < windows.Count; w++)
        {
            TextWindow window = windows[w];
            int word = 0;
            for (int t = 0; t < window.Ids.Length; t++)
            {
                if (!window.IsOfText(t)) continue;
                TokenSpan token = window.Offsets[t];
                while (word < words.Count && words[word].End <= token.Start) word++;
                for (int i = word; i < words.Count && words[i].Start < token.End; i++)
                {
                    int context = Math.Min(t, window.Ids.Length - 1 - t);
                    // A row that begins inside of a word has not its first token.
                    if (best[i] is not null && (token.Start > starts[i] || context <= around[i] || best[i]!.Value.Window == w)) continue;
                    (best[i], starts[i], around[i]) = ((w, t), token.Start, context);
                }
            }
        }
        return best;
    }

    /// <summary>The targets of each row: a word's tag on its first token, and on the others none or the tag that goes on with it.</summary>
    internal static long[][] Targets(IReadOnlyList<TextWindow> windows, IReadOnlyList<TokenSpan> words, IReadOnlyList<int> tags, Func<int, int>? continued)
    {
        long[][] targets = [.. windows.Select(window => Enumerable.Repeat(Modules.CrossEntropy.Ignored, window.Ids.Length).ToArray())];
        (int Window, int Token)?[] places = First(windows, words);
        for (int word = 0; word < words.Count; word++)
        {
            if (places[word] is not var (w, t)) continue;
            // Two words in one token share it, and the first one has it.
            if (targets[w][t] == Modules.CrossEntropy.Ignored) targets[w][t] = tags[word];
            if (continued is null) continue;
            for (int rest = t + 1; rest < targets[w].Length && windows[w].IsOfText(rest) && windows[w].Offsets[rest].Start < words[word].End && windows[w].Offsets[rest].End <= words[word].End; rest++)
                targets[w][rest] = continued(tags[word]);
        }
        return targets;
    }
}
