// P positions, C columns
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// Positions as sines and cosines of wavelengths from 2π to 10,000·2π (Vaswani et al. 2017, section 3.5). All sines come first and then all cosines, as Marian
/// has them; the paper's order, one of each in turn, is the same up to the numbering of columns. They are computed once.
/// </summary>
public sealed class SinusoidalPositions : IDisposable
{
    private readonly int _width;
    private Tensor? _table;   // (P, C) in 32 bits
    private int _count;

    /// <summary>Computes nothing yet.</summary>
    /// <param name="width">C.</param>
    public SinusoidalPositions(int width)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        _width = width;
    }

    /// <summary>Adds its position to each row.</summary>
    /// <param name="x">(N, C).</param>
    /// <param name="positions">(N) of 64-bit integers.</param>
    /// <param name="highest">No position is above it.</param>
    /// <returns>(N, C).</returns>
    public Tensor Add(Tensor x, Tensor positions, int highest)
    {
        using DisposeScope scope = NewDisposeScope();
        Extend(highest + 1, x.device);
        return scope.MoveToOuter(x + _table!.index_select(0, positions).to(x.dtype));
    }

    /// <summary>Frees the table.</summary>
    public void Dispose()
    {
        _table?.Dispose();
        (_table, _count) = (null, 0);
    }

    private void Extend(int positions, Device device)
    {
        if (_table is not null && positions <= _count && _table.device.ToString() == device.ToString()) return;
        using IDisposable mode = no_grad();
        int grown = Math.Max(positions, 2 * _count), sines = (_width + 1) / 2;
        Dispose();
        _count = grown;
        float[] values = new float[grown * _width];
        for (int p = 0; p < grown; p++)
        {
            for (int c = 0; c < _width; c++)
            {
                double angle = p / Math.Pow(10_000, 2.0 * (c < sines ? c : c - sines) / _width);
                values[p * _width + c] = (float)(c < sines ? Math.Sin(angle) : Math.Cos(angle));
            }
        }
        _table = tensor(values, [grown, _width], device: device).DetachFromDisposeScope();
    }
}
