// N rows (tokens), I inputs
using PreTrain.Modules.Quantized;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Quantization;

/// <summary>
/// How often which values come to a linear map: counts in bins of one width on both sides of 0. Where a value lies beyond, the width doubles and neighbours become one, which loses nothing, so that the data are
/// gone through once.
/// </summary>
/// <param name="name">The map's name, for faults.</param>
internal sealed unsafe class ActivationHistogram(string name)
{
    internal const int Bins = 4096;
    private const int Shrinks = 80, Shrink = 100;   // the grid that errs least is looked for down to a fifth of the whole, in hundredths
    private readonly long[] _counts = new long[Bins];
    private double _limit;                          // a power of two, from minus which to which the bins reach
    private float _least = float.PositiveInfinity, _largest = float.NegativeInfinity;
    private long _count;

    /// <summary>The width of a bin.</summary>
    internal double Width => 2 * _limit / Bins;

    /// <summary>Takes up rows, (N, I).</summary>
    /// <exception cref="ArgumentException">A value is not finite.</exception>
    internal void Add(Tensor rows)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor values = rows.to(ScalarType.Float32).cpu().contiguous();
        if (values.numel() == 0) return;
        float least = values.min().item<float>(), largest = values.max().item<float>();
        if (!float.IsFinite(largest - least)) throw new ArgumentException($"The calibration gives inputs of the linear map '{name}' that are not finite.");
        (_least, _largest) = (Math.Min(_least, least), Math.Max(_largest, largest));
        Grow(Math.Max(-least, largest));
        _count += values.numel();
        if (_limit == 0)
        {
            _counts[Bins / 2] = _count;   // nothing but zeros so far
            return;
        }
        var x = (float*)TensorMemory.Address(values);
        double inverse = 1 / Width;
        for (long i = 0; i < values.numel(); i++) _counts[Math.Min(Bins - 1, (int)Math.Floor(x[i] * inverse) + Bins / 2)]++;
    }

    /// <summary>The grid.</summary>
    internal ActivationGrid Grid(ActivationOptions options)
    {
        if (_limit == 0) return ActivationGrid.Of(0, 0, options.IsSymmetric);
        switch (options.Range)
        {
            case ActivationRange.Percentile:
                return ActivationGrid.Of(-(float)Quantile(options.Percentile / 100, i => -Edge(Bins - 1 - i), i => _counts[Bins - 1 - i], -_least), (float)Quantile(options.Percentile / 100, i => Edge(i + 1), i => _counts[i], _largest), options.IsSymmetric);
            case ActivationRange.MeanSquare:
                return Enumerable.Range(0, Shrinks).Select(step => (float)(Shrink - step) / Shrink).Select(part => ActivationGrid.Of(_least * part, _largest * part, options.IsSymmetric)).MinBy(Error)!;
            default:
                return ActivationGrid.Of(_least, _largest, options.IsSymmetric);
        }
    }

    /// <summary>The sum of squared errors, of each bin that of its middle.</summary>
    internal double Error(ActivationGrid grid)
    {
        double sum = 0;
        for (int i = 0; i < Bins; i++)
        {
            if (_counts[i] == 0) continue;
            double value = Edge(i) + Width / 2, code = Math.Clamp(Math.Round(value / grid.Scale) + grid.Zero, 0, 255), error = (code - grid.Zero) * grid.Scale - value;
            sum += error * error * _counts[i];
        }
        return sum;
    }

    /// <summary>The end of the first bin up to which a part of all values lies, not beyond the last value.</summary>
    private double Quantile(double part, Func<int, double> end, Func<int, long> count, double last)
    {
        var wanted = (long)Math.Ceiling(part * _count);
        long seen = 0;
        for (int i = 0; i < Bins; i++)
        {
            seen += count(i);
            if (seen >= wanted) return Math.Min(end(i), last);
        }
        return last;
    }

    /// <summary>Where a bin begins.</summary>
    private double Edge(int bin) => (bin - Bins / 2) * Width;

    private void Grow(double size)
    {
        if (size <= _limit) return;
        if (_limit == 0)
        {
            _limit = Math.ScaleB(1, (int)Math.Ceiling(Math.Log2(size)));
            return;
        }
        long[] wider = new long[Bins];
        for (; _limit < size; _limit *= 2)
        {
            Array.Clear(wider);
            for (int i = 0; i < Bins; i++) wider[((i - Bins / 2) >> 1) + Bins / 2] += _counts[i];
            wider.CopyTo(_counts, 0);
        }
    }
}
