// O outputs, I inputs, G groups of a row
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules.Quantized;

/// <summary>
/// The codes of a matrix on another device, row after row, of 4 bits two in a byte. There they become numbers with the operators that every device has, before each product, so that only the codes stay in its
/// memory.
/// </summary>
internal sealed class DeviceCodes : IDisposable
{
    private const int Pairs = 256;              // bytes of two codes
    private const long MostValues = 1 << 24;    // made at once, which bounds what it takes beside the result

    private readonly Tensor _codes, _scales;
    private readonly Tensor? _zeros, _pairs;
    private readonly long _outputs, _inputs;

    internal DeviceCodes(QuantizedMatrix matrix, Device device)
    {
        (Device, _outputs, _inputs) = (device, matrix.Outputs, matrix.Inputs);
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        var (codes, scales, zeros) = matrix.Parts();
        if (matrix.Format.Bits == 4)
        {
            Tensor halves = codes.bitwise_and(15).to(ScalarType.Byte).view(_outputs, -1, 2);   // groups divide I, which is even
            codes = halves.select(2, 0) + halves.select(2, 1) * 16;
            _pairs = tensor(PairsOf(matrix.Format), [Pairs, 2]).to(device);
        }
        _codes = codes.to(device);
        _scales = (matrix.Format.HasHalfScales ? scales.to(ScalarType.Float16) : scales).unsqueeze(2).to(device);
        _zeros = zeros?.unsqueeze(2).to(device);
        scope.Detach(new[] { _codes, _scales, _zeros, _pairs }.OfType<Tensor>());   // at last, since the device may have had no room for one of them
    }

    internal Device Device { get; }

    public void Dispose()
    {
        _codes.Dispose();
        _scales.Dispose();
        _zeros?.Dispose();
        _pairs?.Dispose();
    }

    /// <summary>The values that the codes stand for, computed in 32 bits as <see cref="QuantizedMatrix.Dequantize()"/> does.</summary>
    /// <returns>(O, I).</returns>
    internal Tensor Dequantize(ScalarType type)
    {
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        long some = Math.Max(1, MostValues / _inputs);
        if (some >= _outputs) return scope.MoveToOuter(Rows(0, _outputs, type));
        Tensor values = empty([_outputs, _inputs], dtype: type, device: Device);
        for (long first = 0; first < _outputs; first += some)
        {
            long count = Math.Min(some, _outputs - first);
            using Tensor part = Rows(first, count, type), place = values.narrow(0, first, count);
            place.copy_(part);
        }
        return scope.MoveToOuter(values);
    }

    /// <summary>The values of some outputs.</summary>
    private Tensor Rows(long first, long count, ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor codes = _codes.narrow(0, first, count), values = _pairs is null ? codes.to(ScalarType.Float32) : _pairs.index(codes.to(ScalarType.Int64));
        values = values.view(count, _scales.size(1), -1);
        if (_zeros is not null) values.sub_(_zeros.narrow(0, first, count));
        return scope.MoveToOuter(values.mul_(_scales.narrow(0, first, count)).to(type).view(count, _inputs));
    }

    /// <summary>What each byte's low half and its high half stand for.</summary>
    private static float[] PairsOf(QuantizedFormat format)
    {
        float[] pairs = new float[2 * Pairs];
        for (int i = 0; i < Pairs; i++) (pairs[2 * i], pairs[2 * i + 1]) = (Value(i & 15), Value(i >> 4));
        return pairs;

        float Value(int code) => format.IsNormalFloat ? NormalFloat.Values[code] : code < 8 ? code : code - 16;
    }
}
