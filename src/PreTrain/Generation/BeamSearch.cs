// K beams of each prompt, V vocabulary
using System.Numerics.Tensors;
using PreTrain.Models;

namespace PreTrain.Generation;

/// <summary>
/// Keeps the K most probable texts of each prompt and goes on from all of them (Sutskever et al. 2014, section 3.2). The scores, their norm by length, and the rules by which
/// a search ends are those of transformers' <c>generate</c>, so that both write the same.
/// </summary>
internal sealed class BeamSearch
{
    private const float Never = -1e9f;   // of beams that do not exist yet

    private readonly WritingRows _rows;
    private readonly GenerationOptions _options;
    private readonly TokenRules _rules;
    private readonly IReadOnlyList<int> _endIds;
    private readonly Func<int, IEnumerable<int>, bool> _isStopped;
    private readonly Prompt[] _prompts;
    private readonly int _beams;

    /// <param name="rows">K rows for each prompt, all alike.</param>
    /// <param name="options">The options.</param>
    /// <param name="endIds">The tokens of which each ends a text.</param>
    /// <param name="model">What the model must and must not write.</param>
    /// <param name="isStopped">Whether the new tokens of a prompt's text hold a stop text.</param>
    internal BeamSearch(WritingRows rows, GenerationOptions options, IReadOnlyList<int> endIds, WritingRules model, Func<int, IEnumerable<int>, bool> isStopped)
    {
        (_rows, _options, _endIds, _isStopped, _beams) = (rows, options, endIds, isStopped, options.BeamCount);
        _rules = new TokenRules(options, endIds, model, rows.Limit);
        _prompts = [.. Enumerable.Range(0, rows.Count / _beams).Select(_ => new Prompt(_beams))];
    }

    /// <summary>Searches.</summary>
    /// <returns>For each prompt its best texts, the best one first.</returns>
    internal List<GeneratedSequence>[] Run(CancellationToken cancellationToken)
    {
        int written = 0;
        while (written < _rows.Limit && !_rows.AllFinished)
        {
            cancellationToken.ThrowIfCancellationRequested();
            float[] scores = _rows.Next();
            written++;
            int[] origins = [.. Enumerable.Range(0, _rows.Count)], tokens = new int[_rows.Count];
            for (int p = 0; p < _prompts.Length; p++)
            {
                if (!_rows.IsFinished(p * _beams)) Step(p, written, scores, origins, tokens);
            }
            _rows.Reorder(origins);
            for (int row = 0; row < _rows.Count; row++)
            {
                if (!_rows.IsFinished(row)) _rows.Append(row, tokens[row]);
            }
        }
        return [.. _prompts.Select((prompt, p) => Best(prompt, p))];
    }

    private void Step(int p, int written, float[] scores, int[] origins, int[] tokens)
    {
        Prompt prompt = _prompts[p];
        int first = p * _beams, vocabulary = _rows.VocabSize;
        for (int beam = 0; beam < _beams; beam++)
        {
            Span<float> row = scores.AsSpan((first + beam) * vocabulary, vocabulary);
            ToLogProbabilities(row);
            if (_rules.Any) _rules.Apply(_rows.Tokens(first + beam), written - 1, row);
        }
        // So many that enough are left where each beam's best ones end.
        List<Candidate> candidates = FindBest(scores.AsSpan(first * vocabulary, _beams * vocabulary), prompt.Scores, Math.Max(2, 1 + _endIds.Count) * _beams);
        var open = new List<Candidate>();
        double norm = Math.Pow(written, _options.LengthPenalty);
        for (int rank = 0; rank < candidates.Count; rank++)
        {
            Candidate c = candidates[rank];
            IEnumerable<int> text = _rows.Written(first + c.Beam);
            bool ends = _endIds.Contains(c.Token);
            if (!ends) text = text.Append(c.Token);
            if (!ends && written < _rows.Limit && !_isStopped(p, text))
                open.Add(c);
            else if (rank < _beams)
                prompt.Add(text, (float)(c.Score / norm));
        }
        for (int beam = 0; beam < _beams; beam++)
        {
            // Where the rules leave fewer texts than beams, the rest of the beams is dead.
            Candidate next = beam < open.Count ? open[beam] : new(float.NegativeInfinity, 0, 0);
            (prompt.Scores[beam], origins[first + beam], tokens[first + beam]) = (next.Score, first + next.Beam, next.Token);
        }
        if (written < _rows.Limit && open.Count > 0 && !IsDone(prompt, written)) return;
        for (int beam = 0; beam < _beams; beam++)
        {
            _rows.Finish(first + beam);
            origins[first + beam] = first + beam;
        }
    }

    /// <summary>Whether no better text is to be looked for.</summary>
    private bool IsDone(Prompt prompt, int written)
    {
        if (prompt.Ended.Count < _beams) return false;
        if (_options.BeamStopping == BeamStopping.AtOnce) return true;
        int length = _options.BeamStopping == BeamStopping.WhenImpossible && _options.LengthPenalty > 0 ? _rows.Limit : written;
        return (float)(prompt.Scores[0] / Math.Pow(length, _options.LengthPenalty)) <= prompt.Ended[^1].Score;
    }

    private List<GeneratedSequence> Best(Prompt prompt, int p)
    {
        // Rules that leave nothing to choose may end a search before any text has ended.
        if (prompt.Ended.Count == 0) prompt.Add(_rows.Written(p * _beams), 0);
        return [.. prompt.Ended.Take(_options.SequenceCount).Select(ended => new GeneratedSequence { Tokens = ended.Tokens, Score = ended.Score })];
    }

    /// <summary>The best continuations of all beams, the best one first.</summary>
    private static List<Candidate> FindBest(ReadOnlySpan<float> logProbabilities, float[] beams, int count)
    {
        int vocabulary = logProbabilities.Length / beams.Length;
        var best = new List<Candidate>(count + 1);
        for (int beam = 0; beam < beams.Length; beam++)
        {
            ReadOnlySpan<float> row = logProbabilities.Slice(beam * vocabulary, vocabulary);
            for (int token = 0; token < vocabulary; token++)
            {
                float score = beams[beam] + row[token];
                if (float.IsNegativeInfinity(score) || (best.Count == count && score <= best[^1].Score)) continue;
                int at = best.Count;
                while (at > 0 && best[at - 1].Score < score) at--;
                best.Insert(at, new(score, beam, token));
                if (best.Count > count) best.RemoveAt(count);
            }
        }
        return best;
    }

    /// <summary>Logits → the logarithms of their softmax, in place.</summary>
    private static void ToLogProbabilities(Span<float> logits)
    {
        int best = TensorPrimitives.IndexOfMax<float>(logits);
        if (!float.IsFinite(logits[best])) throw TokenSampler.NotFinite(best, logits[best]);
        TensorPrimitives.Subtract(logits, logits[best], logits);
        float[] exponentials = System.Buffers.ArrayPool<float>.Shared.Rent(logits.Length);
        Span<float> all = exponentials.AsSpan(0, logits.Length);
        TensorPrimitives.Exp(logits, all);
        float sum = MathF.Log(TensorPrimitives.Sum<float>(all));
        System.Buffers.ArrayPool<float>.Shared.Return(exponentials);
        TensorPrimitives.Subtract(logits, sum, logits);
    }

    private readonly record struct Candidate(float Score, int Beam, int Token);

    /// <summary>The state of one prompt's search.</summary>
    private sealed class Prompt(int beams)
    {
        /// <summary>The sums of the beams' log probabilities. All beams begin alike, so the first goes on alone.</summary>
        internal float[] Scores { get; } = [0, .. Enumerable.Repeat(Never, beams - 1)];

        /// <summary>The best ended texts, at most as many as beams, the best one first.</summary>
        internal List<(int[] Tokens, float Score)> Ended { get; } = [];

        internal void Add(IEnumerable<int> tokens, float score)
        {
            int at = Ended.FindIndex(ended => ended.Score < score);
            if (at < 0) at = Ended.Count;
            if (at < beams) Ended.Insert(at, ([.. tokens], score));
            if (Ended.Count > beams) Ended.RemoveAt(beams);
        }
    }
}
