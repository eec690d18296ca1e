using System.Runtime.InteropServices;

namespace PreTrain.Generation;

/// <summary>Changes the scores of the next token by what the text already holds.</summary>
internal sealed class TokenRules(GenerationOptions options, int? endId)
{
    private readonly HashSet<int> _seen = [];

    /// <summary>Whether there is any rule.</summary>
    internal bool Any { get; } = options.RepetitionPenalty != 1 || options.NoRepeatNGramSize > 0 || (options.MinNewTokens > 0 && endId is not null);

    /// <summary>Applies all rules.</summary>
    /// <param name="tokens">The prompt and what was written.</param>
    /// <param name="written">How many of them are new.</param>
    /// <param name="scores">Of every token, logits or log probabilities; −∞ for what must not be chosen.</param>
    internal void Apply(List<int> tokens, int written, Span<float> scores)
    {
        ReadOnlySpan<int> text = CollectionsMarshal.AsSpan(tokens);
        if (options.RepetitionPenalty != 1) Penalize(text, scores);
        if (options.NoRepeatNGramSize > 0) ForbidRepeats(text, options.NoRepeatNGramSize, scores);
        if (written < options.MinNewTokens && endId is { } end) scores[end] = float.NegativeInfinity;
    }

    private void Penalize(ReadOnlySpan<int> text, Span<float> scores)
    {
        float penalty = (float)options.RepetitionPenalty;
        _seen.Clear();
        foreach (int token in text)
        {
            if (_seen.Add(token)) scores[token] = scores[token] < 0 ? scores[token] * penalty : scores[token] / penalty;
        }
    }

    private static void ForbidRepeats(ReadOnlySpan<int> text, int size, Span<float> scores)
    {
        ReadOnlySpan<int> last = text.Length < size ? [] : text[^(size - 1)..];
        for (int start = 0; start + size <= text.Length; start++)
        {
            if (text.Slice(start, size - 1).SequenceEqual(last)) scores[text[start + size - 1]] = float.NegativeInfinity;
        }
    }
}
