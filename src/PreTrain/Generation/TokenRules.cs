using System.Runtime.InteropServices;
using PreTrain.Models;

namespace PreTrain.Generation;

/// <summary>Changes the scores of the next token by what the text already holds.</summary>
/// <param name="options">The options.</param>
/// <param name="endIds">The tokens of which each ends a text, the model's own first.</param>
/// <param name="model">What the model must and must not write.</param>
/// <param name="limit">The most tokens of a text.</param>
internal sealed class TokenRules(GenerationOptions options, IReadOnlyList<int> endIds, WritingRules model, int limit)
{
    private readonly HashSet<int> _seen = [];
    private readonly int? _last = model.IsEndForced && endIds.Count > 0 ? endIds[0] : null;

    /// <summary>Whether there is any rule.</summary>
    internal bool Any { get; } = options.RepetitionPenalty != 1 || options.NoRepeatNGramSize > 0 || options.MinNewTokens > 0 || model != new WritingRules();

    /// <summary>Applies all rules.</summary>
    /// <param name="tokens">The prompt and what was written.</param>
    /// <param name="written">How many of them are new.</param>
    /// <param name="scores">Of every token, logits or log probabilities; −∞ for what must not be chosen.</param>
    internal void Apply(List<int> tokens, int written, Span<float> scores)
    {
        ReadOnlySpan<int> text = CollectionsMarshal.AsSpan(tokens);
        if (options.RepetitionPenalty != 1) Penalize(text, scores);
        if (options.NoRepeatNGramSize > 0) ForbidRepeats(text, options.NoRepeatNGramSize, scores);
        foreach (IReadOnlyList<int> sequence in model.Forbidden) Forbid(text, sequence, scores);
        if (written < options.MinNewTokens)
        {
            foreach (int end in endIds) scores[end] = float.NegativeInfinity;
        }
        if (written == 0 && model.FirstId is { } first) Force(first, scores);
        if (written == limit - 1 && _last is { } last) Force(last, scores);
    }

    private static void Force(int token, Span<float> scores)
    {
        scores.Fill(float.NegativeInfinity);
        scores[token] = 0;
    }

    /// <summary>As transformers, which lets a text end whatever is forbidden.</summary>
    private void Forbid(ReadOnlySpan<int> text, IReadOnlyList<int> sequence, Span<float> scores)
    {
        int before = sequence.Count - 1;
        if (before == 0 && endIds.Contains(sequence[0])) return;
        if (before > text.Length) return;
        for (int i = 0; i < before; i++)
        {
            if (text[text.Length - before + i] != sequence[i]) return;
        }
        scores[sequence[^1]] = float.NegativeInfinity;
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
