// P positions, D width of a head
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// Rotary position embedding (Su et al. 2021, section 3.2.2): each pair of a head's components, i and i + D/2, is turned by the position times a frequency
/// of its own, base^(−2i/D). The cosines and sines of all positions are computed once.
/// </summary>
public sealed class RotaryTable : IDisposable
{
    private readonly double[] _frequencies;
    private Tensor? _cosines, _sines;   // (P, D/2) in 32 bits
    private int _positions;

    /// <summary>Computes the frequencies.</summary>
    /// <param name="headDim">D, even.</param>
    /// <param name="frequencyBase">The base: 10,000 in the paper.</param>
    /// <param name="scaling">How frequencies are stretched; null for not at all.</param>
    public RotaryTable(int headDim, double frequencyBase, RotaryScaling? scaling = null)
    {
        if (headDim <= 0 || headDim % 2 != 0) throw new ArgumentOutOfRangeException(nameof(headDim), headDim, $"The width of a head ({headDim}) must be positive and even.");
        if (!(frequencyBase > 0)) throw new ArgumentOutOfRangeException(nameof(frequencyBase), frequencyBase, $"The base ({frequencyBase}) must be positive.");
        _frequencies = [.. Frequencies(headDim, frequencyBase, scaling).Select(frequency => (double)frequency)];
    }

    /// <summary>Turns the heads of rows.</summary>
    /// <param name="x">(N, H·D).</param>
    /// <param name="positions">(N) of 64-bit integers.</param>
    /// <param name="highest">No position is above it.</param>
    /// <returns>(N, H·D).</returns>
    public Tensor Apply(Tensor x, Tensor positions, int highest)
    {
        using DisposeScope scope = NewDisposeScope();
        Extend(highest + 1, x.device);
        long half = _frequencies.Length;
        if (RotaryTurn.Serves(x, positions, half)) return scope.MoveToOuter(RotaryTurn.apply(x.contiguous(), positions.contiguous(), _cosines!, _sines!));
        Tensor heads = x.view(x.size(0), -1, 2, half);                                                          // (N, H, 2, D/2)
        Tensor cosine = _cosines!.index_select(0, positions).unsqueeze(1).to(x.dtype), sine = _sines!.index_select(0, positions).unsqueeze(1).to(x.dtype);
        Tensor first = heads.select(2, 0), second = heads.select(2, 1);                                         // (N, H, D/2)
        return scope.MoveToOuter(stack([first * cosine - second * sine, second * cosine + first * sine], 2).view(x.shape));
    }

    /// <summary>Frees the tables.</summary>
    public void Dispose()
    {
        _cosines?.Dispose();
        _sines?.Dispose();
        (_cosines, _sines, _positions) = (null, null, 0);
    }

    /// <summary>By what each frequency is divided when it is stretched, (D/2).</summary>
    internal static float[] Divisors(int headDim, double frequencyBase, RotaryScaling scaling) => [.. Unstretched(headDim, frequencyBase).Select(frequency => (float)(frequency / Stretch(frequency, scaling)))];

    /// <summary>The frequencies, (D/2).</summary>
    internal static float[] Frequencies(int headDim, double frequencyBase, RotaryScaling? scaling) => [.. Unstretched(headDim, frequencyBase).Select(frequency => (float)Stretch(frequency, scaling))];

    /// <summary>The frequencies as they are without stretching; in 32 bits, as the models were trained.</summary>
    private static IEnumerable<float> Unstretched(int headDim, double frequencyBase) => Enumerable.Range(0, headDim / 2).Select(i => 1 / (float)Math.Pow(frequencyBase, (float)(2.0 * i / headDim)));

    private static double Stretch(double frequency, RotaryScaling? scaling)
    {
        if (scaling is null) return frequency;
        if (scaling.Kind == RotaryScalingKind.Linear) return frequency / scaling.Factor;
        double wavelength = 2 * Math.PI / frequency, low = scaling.OriginalContextLength / scaling.LowFrequencyFactor, high = scaling.OriginalContextLength / scaling.HighFrequencyFactor;
        if (wavelength > low) return frequency / scaling.Factor;
        if (wavelength < high) return frequency;
        double smooth = (scaling.OriginalContextLength / wavelength - scaling.LowFrequencyFactor) / (scaling.HighFrequencyFactor - scaling.LowFrequencyFactor);
        return (1 - smooth) * frequency / scaling.Factor + smooth * frequency;
    }

    private void Extend(int positions, Device device)
    {
        if (_cosines is not null && positions <= _positions && _cosines.device.ToString() == device.ToString()) return;
        // The tables outlive the call: those that were made in inference mode could not be kept for a gradient later.
        using IDisposable normal = inference_mode(false), mode = no_grad();
        int grown = Math.Max(positions, 2 * _positions);
        Dispose();
        _positions = grown;
        int half = _frequencies.Length;
        float[] cosines = new float[_positions * half], sines = new float[cosines.Length];
        for (int p = 0; p < _positions; p++)
        {
            for (int i = 0; i < half; i++)
            {
                float angle = (float)(p * _frequencies[i]);
                (sines[p * half + i], cosines[p * half + i]) = MathF.SinCos(angle);
            }
        }
        (_cosines, _sines) = (Keep(cosines), Keep(sines));

        Tensor Keep(float[] values) => tensor(values, [_positions, half], device: device).DetachFromDisposeScope();
    }
}
