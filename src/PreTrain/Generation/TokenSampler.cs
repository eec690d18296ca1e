using System.Numerics.Tensors;

namespace PreTrain.Generation;

/// <summary>Draws one token after another from logits, reproducibly.</summary>
/// <remarks>The draws depend on the seed alone: SplitMix64 (Steele, Lea and Flood 2014), one number a token.</remarks>
internal sealed class TokenSampler
{
    private readonly GenerationOptions _options;
    private ulong _state;
    private float[] _probabilities = [];   // of the whole vocabulary, not normalized
    private ulong[] _order = [];           // of each token its probability and id, such that the most probable one and of equals the first is the smallest

    /// <param name="options">How to draw.</param>
    /// <param name="stream">Which of a prompt's texts is drawn; each has its own numbers.</param>
    internal TokenSampler(GenerationOptions options, int stream = 0)
    {
        _options = options;
        _state = unchecked((ulong)options.Seed);
        if (stream > 0) _state = Mix(_state ^ Mix((ulong)stream));   // mixed, since streams that are steps apart would overlap
    }

    /// <summary>Chooses a token; of equally probable ones the first.</summary>
    /// <exception cref="InvalidOperationException">A logit is not a number, or none is finite, so there is nothing to choose.</exception>
    internal int Next(ReadOnlySpan<float> logits)
    {
        int best = TensorPrimitives.IndexOfMax(logits);
        if (!float.IsFinite(logits[best])) throw NotFinite(best, logits[best]);
        float sharpness = _options.Temperature == 0 ? float.PositiveInfinity : (float)(1 / _options.Temperature);
        if (float.IsInfinity(sharpness) || _options.TopK == 1) return best;

        if (_probabilities.Length != logits.Length) _probabilities = new float[logits.Length];
        Span<float> p = _probabilities;
        TensorPrimitives.Subtract(logits, logits[best], p);
        TensorPrimitives.Multiply(p, Math.Max(sharpness, float.Epsilon), p);   // never 0·∞
        TensorPrimitives.Exp(p, p);
        return (_options.TopK == 0 || _options.TopK >= p.Length) && _options.TopP >= 1 ? Draw(p) : DrawFirst(Restrict());
    }

    internal static InvalidOperationException NotFinite(int token, float logit) =>
        new($"The model's logits are not finite (logit {token} is {logit}); its weights are broken, or training diverged.");

    private int Draw(ReadOnlySpan<float> p)
    {
        double total = 0;
        foreach (float x in p) total += x;
        double draw = Uniform() * total;
        int last = 0;   // taken where rounding leaves a rest
        for (int i = 0; i < p.Length; i++)
        {
            if (p[i] == 0) continue;
            last = i;
            draw -= p[i];
            if (draw < 0) break;
        }
        return last;
    }

    /// <summary>Draws one of the first in the order.</summary>
    private int DrawFirst(int kept)
    {
        double total = 0;
        for (int i = 0; i < kept; i++) total += _probabilities[TokenAt(i)];
        double draw = Uniform() * total;
        int last = TokenAt(0);
        for (int i = 0; i < kept && draw >= 0 && _probabilities[TokenAt(i)] > 0; i++)
        {
            last = TokenAt(i);
            draw -= _probabilities[last];
        }
        return last;
    }

    private int TokenAt(int rank) => (int)(uint)_order[rank];

    /// <summary>Puts the tokens that may be drawn first in the order; returns how many.</summary>
    private int Restrict()
    {
        float[] p = _probabilities;
        if (_order.Length != p.Length) _order = new ulong[p.Length];
        // Positive numbers are ordered as their bits are.
        for (int i = 0; i < p.Length; i++) _order[i] = (ulong)~BitConverter.SingleToUInt32Bits(p[i]) << 32 | (uint)i;

        int most = _options.TopK == 0 ? p.Length : Math.Min(_options.TopK, p.Length);
        if (_options.TopP >= 1)
        {
            SortFirst(_order, 0, most);
            return most;
        }

        double total = 0, reached = 0;
        if (_options.TopK == 0) foreach (float x in p) total += x;
        else
        {
            SortFirst(_order, 0, most);
            for (int i = 0; i < most; i++) total += p[TokenAt(i)];
        }
        // A few hundred tokens hold nearly all of the probability, so the rest is seldom sorted.
        for (int sorted = 0, next = 256; ; next *= 4)
        {
            next = Math.Min(next, most);
            if (_options.TopK == 0) SortFirst(_order, sorted, next);
            for (; sorted < next; sorted++)
            {
                reached += p[TokenAt(sorted)];
                if (reached >= _options.TopP * total) return sorted + 1;
            }
            if (sorted == most) return most;
        }
    }

    /// <summary>Sorts the places up to <paramref name="count"/>, given that those before <paramref name="from"/> are as in the sorted whole.</summary>
    private static void SortFirst(Span<ulong> values, int from, int count)
    {
        // Hoare's selection: halves the range that holds the boundary. The values differ, so that it always ends.
        int low = from, high = values.Length - 1;
        while (low < high && count - 1 < high)
        {
            ulong pivot = Median(values[low], values[(low + high) >>> 1], values[high]);
            int i = low, j = high;
            while (i <= j)
            {
                while (values[i] < pivot) i++;
                while (values[j] > pivot) j--;
                if (i > j) break;
                (values[i], values[j]) = (values[j], values[i]);
                i++;
                j--;
            }
            if (count - 1 <= j) high = j;
            else if (count - 1 >= i) low = i;
            else break;
        }
        values[from..count].Sort();
    }

    private static ulong Median(ulong a, ulong b, ulong c) => Math.Max(Math.Min(a, b), Math.Min(Math.Max(a, b), c));

    /// <summary>A number from 0 to below 1 with 53 bits.</summary>
    private double Uniform()
    {
        _state += 0x9E3779B97F4A7C15;
        return (Mix(_state) >> 11) * (1.0 / (1UL << 53));
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
