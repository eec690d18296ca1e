using System.Numerics.Tensors;

namespace PreTrain.Generation;

/// <summary>Draws one token after another from logits, reproducibly.</summary>
/// <remarks>The draws depend on the seed alone: SplitMix64 (Steele, Lea and Flood 2014), one number a token.</remarks>
internal sealed class TokenSampler
{
    private readonly GenerationOptions _options;
    private ulong _state;
    private float[] _probabilities = [];
    private int[] _order = [];

    internal TokenSampler(GenerationOptions options)
    {
        _options = options;
        _state = unchecked((ulong)options.Seed);
    }

    /// <summary>Chooses a token; of equally probable ones the first.</summary>
    /// <exception cref="InvalidOperationException">No logit is a number, so there is nothing to choose.</exception>
    internal int Next(ReadOnlySpan<float> logits)
    {
        int best = TensorPrimitives.IndexOfMax(logits);
        if (float.IsNaN(logits[best]) || float.IsNegativeInfinity(logits[best]))
            throw new InvalidOperationException($"The model's logits are not finite (logit {best} is {logits[best]}); its weights are broken, or training diverged.");
        if (_options.Temperature == 0 || _options.TopK == 1) return best;

        if (_probabilities.Length != logits.Length)
        {
            _probabilities = new float[logits.Length];
            _order = new int[logits.Length];
        }
        Span<float> p = _probabilities;
        TensorPrimitives.Subtract(logits, logits[best], p);
        TensorPrimitives.Multiply(p, (float)(1 / _options.Temperature), p);
        TensorPrimitives.Exp(p, p);

        int kept = Restrict(logits.Length);
        double total = 0;
        for (int i = 0; i < kept; i++) total += p[_order[i]];
        double draw = Uniform() * total;
        for (int i = 0; i < kept; i++)
        {
            draw -= p[_order[i]];
            if (draw < 0) return _order[i];
        }
        return _order[0];
    }

    /// <summary>Puts the tokens that may be drawn first in the order; returns how many.</summary>
    private int Restrict(int count)
    {
        for (int i = 0; i < count; i++) _order[i] = i;
        if ((_options.TopK == 0 || _options.TopK >= count) && _options.TopP >= 1) return count;

        float[] p = _probabilities;
        Array.Sort(_order, (a, b) => p[a] != p[b] ? p[b].CompareTo(p[a]) : a.CompareTo(b));
        int kept = _options.TopK == 0 ? count : Math.Min(_options.TopK, count);
        if (_options.TopP >= 1) return kept;

        double total = 0, reached = 0;
        for (int i = 0; i < kept; i++) total += p[_order[i]];
        for (int i = 0; i < kept; i++)
        {
            reached += p[_order[i]];
            if (reached >= _options.TopP * total) return i + 1;
        }
        return kept;
    }

    /// <summary>A number from 0 to below 1 with 53 bits.</summary>
    private double Uniform()
    {
        _state += 0x9E3779B97F4A7C15;
        ulong z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return ((z ^ (z >> 31)) >> 11) * (1.0 / (1UL << 53));
    }
}
