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
    private const int Pairs = 256;   // bytes of two codes

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
            Tensor halves = codes.bitwise_and(15).to(ScalarType.Byte).view(-1, 2);   // groups divide I, which is even
            codes = halves.select(1, 0) + halves.select(1, 1) * 16;
            _pairs = scope.Detach(tensor(PairsOf(matrix.Format), [Pairs, 2]).to(device));
        }
        _codes = scope.Detach(codes.to(device));
        _scales = scope.Detach((matrix.Format.HasHalfScales ? scales.to(ScalarType.Float16) : scales).unsqueeze(2).to(device));
        if (zeros is not null) _zeros = scope.Detach(zeros.unsqueeze(2).to(device));
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
        Tensor values = _pairs is null ? _codes.to(ScalarType.Float32) : _pairs.index(_codes.to(ScalarType.Int64));
        values = values.view(_outputs, _scales.size(1), -1);
        if (_zeros is not null) values.sub_(_zeros);
        return scope.MoveToOuter(values.mul_(_scales).to(type).view(_outputs, _inputs));
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
