using PreTrain.Data;
using PreTrain.Tokenization;

namespace PreTrain.Objectives;

/// <summary>Cuts a question and its text into rows, each of which begins with the whole question.</summary>
internal static class QuestionWindows
{
    /// <summary>The place that stands for no answer: the first token of a row (Devlin et al. 2019, section 4.3).</summary>
    internal const int NoAnswer = 0;

    /// <summary>Cuts.</summary>
    /// <param name="tokenizer">Encodes.</param>
    /// <param name="id">The question's id, for messages.</param>
    /// <param name="question">The question.</param>
    /// <param name="context">The text.</param>
    /// <param name="length">The most tokens of a row.</param>
    /// <param name="stride">The tokens of the text that two successive rows share; null for a quarter of the row, or less where the question leaves less.</param>
    /// <exception cref="CorpusException">The question leaves no room for the text.</exception>
    internal static TextWindow[] Cut(TextTokenizer tokenizer, string id, string question, string context, int length, int? stride)
    {
        int alone = tokenizer.Tokenize(question, "", EncodingOptions.Whole).Count, room = length - alone;
        if (room < 1) throw new CorpusException($"The question '{id}' has {alone} tokens with the special ones around it, and a row has {length}, so that nothing of its text would be read. Shorten it, or use a longer context.");
        if (stride >= room) throw new CorpusException($"The question '{id}' leaves {room} of {length} tokens for its text, and Stride ({stride}) must be less. Shorten the question, or use a smaller stride or a longer context.");
        return TextWindow.Cut(tokenizer, context, question, length, stride ?? Math.Min(length / 4, room / 2));
    }

    /// <summary>The first and the last token of an answer in a row; the place of no answer, twice, where the row has not all of it.</summary>
    internal static long[] Targets(TextWindow window, TextAnswer? answer)
    {
        if (answer is null) return [NoAnswer, NoAnswer];
        int first = -1, last = -1, begin = int.MaxValue, end = 0;
        for (int t = 0; t < window.Ids.Length; t++)
        {
            if (!window.IsOfText(t)) continue;
            TokenSpan token = window.Offsets[t];
            (begin, end) = (Math.Min(begin, token.Start), Math.Max(end, token.End));
            if (token.End <= answer.Start || token.Start >= answer.End) continue;
            if (first < 0) first = t;
            last = t;
        }
        return first >= 0 && begin <= answer.Start && end >= answer.End ? [first, last] : [NoAnswer, NoAnswer];
    }
}
