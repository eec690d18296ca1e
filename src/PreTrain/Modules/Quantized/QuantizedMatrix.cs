// O outputs, I inputs, G groups of a row
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules.Quantized;

/// <summary>
/// The weight of a linear map in codes of 8 or 4 bits with scales, packed in the order in which the products read it. There is a scale for each output, or one for each group of an output's inputs; of 4 bits,
/// two codes share a byte.
/// </summary>
public sealed unsafe class QuantizedMatrix : IDisposable
{
    private readonly Tensor _codes;
    private readonly GroupNumbers _scales;
    private readonly GroupNumbers? _zeros;
    private readonly Tensor? _sums;
    private readonly byte* _codesAt;
    private readonly int* _sumsAt;
    private readonly Lock _copying = new();
    private bool _isDisposed;
    private DeviceCodes? _copy;   // where it was last computed with, if that is not the CPU

    private QuantizedMatrix(long outputs, long inputs, QuantizedFormat format)
    {
        (Outputs, Inputs, Format) = (outputs, inputs, format);
        Layout = new PanelLayout(outputs, inputs, format.Bits);
        long numbers = Layout.Panels * Groups * PanelLayout.Width;
        using DisposeScope scope = NewDisposeScope();
        _codes = scope.Detach(zeros([Layout.Bytes], dtype: ScalarType.Byte));
        // Those of 8 bits are few, or their products read them as they are.
        _scales = new GroupNumbers(numbers, format is { Bits: 4, HasHalfScales: true } ? ScalarType.Float16 : ScalarType.Float32);
        if (!format.IsSymmetric) _zeros = new GroupNumbers(numbers, ScalarType.Byte);
        if (format.Bits == 8) _sums = scope.Detach(zeros([numbers], dtype: ScalarType.Int32));
        // They stay where they are; asking torch for each code would be most of the time of quantizing.
        _codesAt = TensorMemory.Address(_codes);
        if (_sums is not null) _sumsAt = (int*)TensorMemory.Address(_sums);
    }

    /// <summary>O.</summary>
    public long Outputs { get; }

    /// <summary>I.</summary>
    public long Inputs { get; }

    /// <summary>Bits, groups and zero points.</summary>
    public QuantizedFormat Format { get; }

    /// <summary>The bytes of memory that it takes: codes, scales and zero points. Another device on which it is computed with has a copy.</summary>
    public long ByteCount => _codes.numel() + _scales.ByteCount + (_zeros?.ByteCount ?? 0) + (_sums is null ? 0 : sizeof(int) * _sums.numel()) + (ScaleCodes is null ? 0 : ScaleCodes.Codes.Length + sizeof(float) * ScaleCodes.Largest.Length);

    internal PanelLayout Layout { get; }

    /// <summary>The scales in 8 bits, where the format has them.</summary>
    internal DoubleScales? ScaleCodes { get; private set; }

    internal long Groups => Format.GroupSize == 0 ? 1 : Inputs / Format.GroupSize;

    /// <exception cref="ObjectDisposedException">It is disposed, as for the others.</exception>
    internal byte* Codes => _isDisposed ? throw Disposed() : _codesAt;

    /// <summary>With 8 bits, those of 32.</summary>
    internal GroupNumbers Scales => _isDisposed ? throw Disposed() : _scales;

    /// <summary>Whole numbers; null where all are 0.</summary>
    internal GroupNumbers? Zeros => _isDisposed ? throw Disposed() : _zeros;

    /// <summary>With 8 bits, the sum of a group's codes, by <see cref="PanelLayout.PlaceOf"/>.</summary>
    internal int* Sums => _isDisposed ? throw Disposed() : _sumsAt;

    /// <summary>Takes for each weight the code of the nearest value.</summary>
    /// <param name="weight">(O, I), of a floating type.</param>
    /// <param name="format">Bits, groups and zero points.</param>
    /// <exception cref="ArgumentException">The weight is not a matrix of finite numbers; the format is out of range, or its groups do not divide I.</exception>
    public static QuantizedMatrix Quantize(Tensor weight, QuantizedFormat format)
    {
        using Tensor values = Values(weight, format);
        long outputs = weight.size(0), inputs = weight.size(1);
        var w = (float*)TensorMemory.Address(values);
        var matrix = new QuantizedMatrix(outputs, inputs, format);
        try
        {
            int chunks = ParallelLoop.Chunks(outputs, 16), group = (int)(inputs / matrix.Groups);
            QuantizationGrid? shared = format.IsPerTensor ? QuantizationGrid.Of(Extremes(values), format) : null;
            ParallelLoop.For(chunks, chunk =>
            {
                var (from, to) = ParallelLoop.Range(outputs, chunks, chunk);
                var codes = new sbyte[group];
                for (long o = from; o < to; o++)
                {
                    for (long g = 0; g < matrix.Groups; g++)
                    {
                        float* at = w + o * inputs + g * group;
                        QuantizationGrid grid = shared ?? QuantizationGrid.Of(new ReadOnlySpan<float>(at, group), format);
                        matrix.SetGrid(o, g, grid.Scale, grid.Zero);
                        for (int i = 0; i < group; i++) codes[i] = (sbyte)grid.Code(at[i]);
                        fixed (sbyte* found = codes) matrix.SetCodes(o, g, found, isShifted: false);
                    }
                }
            });
            matrix.RoundScales();
            return matrix;
        }
        catch
        {
            matrix.Dispose();
            throw;
        }
    }

    /// <summary>The values that the codes stand for.</summary>
    /// <returns>(O, I), float32.</returns>
    public Tensor Dequantize()
    {
        Tensor values = empty([Outputs, Inputs], dtype: ScalarType.Float32);
        Dequantize(0, Outputs, (float*)TensorMemory.Address(values));
        return values;
    }

    /// <summary>The values of some outputs, side by side.</summary>
    /// <param name="first">The first of them, the first of a panel's.</param>
    /// <param name="count">How many.</param>
    /// <param name="values">(count, I).</param>
    internal void Dequantize(long first, long count, float* values)
    {
        byte* codes = Codes;
        GroupNumbers scales = Scales;
        GroupNumbers? zeros = Zeros;
        PanelLayout layout = Layout;
        bool isNormal = Format.IsNormalFloat;
        long inputs = Inputs, groups = Groups, group = inputs / groups;
        Vector512<float> table = WeightOnlyProduct.TableOf(Format);
        int chunks = ParallelLoop.Chunks((count + 3) / 4, 4);
        ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
        {
            var (from, to) = ParallelLoop.Range((count + 3) / 4, chunks, chunk);
            float* room = stackalloc float[8];
            for (long o = first + 4 * from; o < first + Math.Min(4 * to, count); o += 4)
            {
                byte* row = codes + layout.ByteOf(o, 0);
                long rows = Math.Min(4, first + count - o);
                float* w = values + (o - first) * inputs;
                for (long g = 0; g < groups; g++)
                {
                    long place = PanelLayout.PlaceOf(o, g, groups), start = g * group;
                    float* scale = scales.Wide(place, 4, room), zero = zeros is null ? null : zeros.Wide(place, 4, room + 4);
                    if (Lanes.AreSupported && rows == 4) start = FourRows(row, start, start + group, layout.Bits, table, scale, zero, w, inputs);
                    for (long r = 0; r < rows && start < (g + 1) * group; r++)
                    {
                        if (isNormal) NormalGroup(row + 4 * r, start, (g + 1) * group, layout, scale[r], w + r * inputs);
                        else Group(row + 4 * r, start, (g + 1) * group, layout, zero == null, scale[r], zero == null ? 0 : zero[r], w + r * inputs);
                    }
                }
            }
        });
        GC.KeepAlive(this);
    }

    /// <summary>The same on a device, which keeps a copy of the codes from then on.</summary>
    /// <returns>(O, I).</returns>
    internal Tensor Dequantize(Device device, ScalarType type)
    {
        if (device.type == DeviceType.CPU)
        {
            if (type == ScalarType.Float32) return Dequantize();
            using Tensor values = Dequantize();
            return values.to(type);
        }
        lock (_copying)
        {
            if (_copy is null || _copy.Device.type != device.type || _copy.Device.index != device.index)
            {
                _copy?.Dispose();
                _copy = null;
                _copy = new DeviceCodes(this, device);
            }
            return _copy.Dequantize(type);
        }
    }

    /// <summary>Lets go of the copy of the codes on another device.</summary>
    internal void ReleaseCopy()
    {
        if (_copy is null) return;
        lock (_copying)
        {
            _copy?.Dispose();
            _copy = null;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _isDisposed = true;
        ReleaseCopy();
        _codes.Dispose();
        _scales.Dispose();
        _zeros?.Dispose();
        _sums?.Dispose();
    }

    /// <summary>The least and the largest, which a grid of all values has to reach.</summary>
    internal static ReadOnlySpan<float> Extremes(Tensor values)
    {
        using Tensor least = values.min(), largest = values.max();
        return new[] { least.item<float>(), largest.item<float>() };
    }

    /// <summary>The values of four neighbouring outputs, 16 inputs at once: what lies side by side are four inputs of each.</summary>
    /// <returns>The first input that is left.</returns>
    [MethodImpl(ParallelLoop.Hot)]
    private static long FourRows(byte* row, long from, long to, int bits, Vector512<float> table, float* scales, float* zeros, float* w, long inputs)
    {
        const int Next = PanelLayout.Width * 4;
        long i = from;
        for (; i + 16 <= to; i += 16)
        {
            Vector512<float> a, b, c, d;
            if (bits == 8)
            {
                byte* four = row + i / 4 * Next;
                (a, b) = (Signed(four), Signed(four + Next));
                (c, d) = (Signed(four + 2 * Next), Signed(four + 3 * Next));
            }
            else
            {
                byte* eight = row + i / 8 * Next;
                Vector512<int> pairs = Lanes.Load(eight), more = Lanes.Load(eight + Next);
                // The table looks at the low four bits of a lane alone.
                (a, b) = (Lanes.Look(table, pairs), Lanes.Look(table, pairs >>> 4));
                (c, d) = (Lanes.Look(table, more), Lanes.Look(table, more >>> 4));
            }
            Vector512<float> even = Lanes.EvenQuarters(a, b), odd = Lanes.OddQuarters(a, b), even2 = Lanes.EvenQuarters(c, d), odd2 = Lanes.OddQuarters(c, d);
            Store(Lanes.EvenQuarters(even, even2), 0);
            Store(Lanes.EvenQuarters(odd, odd2), 1);
            Store(Lanes.OddQuarters(even, even2), 2);
            Store(Lanes.OddQuarters(odd, odd2), 3);

            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            void Store(Vector512<float> codes, int r) => ((codes - Vector512.Create(zeros == null ? 0 : zeros[r])) * scales[r]).Store(w + r * inputs + i);
        }
        return i;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector512<float> Signed(byte* codes) => Vector512.ConvertToSingle(Lanes.Load((sbyte*)codes));
    }

    private static ObjectDisposedException Disposed() => new(nameof(QuantizedMatrix), "The weight of few bits is disposed, with its map or the adapter that replaced it.");

    /// <summary>The same as <see cref="Group"/> for codes of NF4.</summary>
    [MethodImpl(ParallelLoop.Hot)]
    private static void NormalGroup(byte* row, long from, long to, PanelLayout layout, float scale, float* w)
    {
        ReadOnlySpan<float> values = NormalFloat.Values;
        for (long i = from; i < to; i++)
        {
            byte code = row[i / layout.Step * (PanelLayout.Width * 4) + i % 4];
            w[i] = values[layout.IsHigh(i) ? code >> 4 : code & 15] * scale;
        }
    }

    /// <summary>The values of one row's inputs that share a scale.</summary>
    [MethodImpl(ParallelLoop.Hot)]
    private static void Group(byte* row, long from, long to, PanelLayout layout, bool isSigned, float scale, float zero, float* w)
    {
        Vector128<int> sign = Vector128.Create(isSigned ? 8 : 0);
        long i = from;
        for (; i + layout.Step <= to; i += layout.Step)
        {
            byte* four = row + i / layout.Step * (PanelLayout.Width * 4);
            Vector128<byte> bytes = Vector128.CreateScalarUnsafe(*(uint*)four).AsByte();
            if (layout.Bits == 8)
            {
                Vector128<int> codes = Vector128.WidenLower(Vector128.WidenLower(bytes.AsSByte()));
                ((Vector128.ConvertToSingle(codes) - Vector128.Create(zero)) * scale).Store(w + i);
                continue;
            }
            Vector128<int> pairs = Vector128.WidenLower(Vector128.WidenLower(bytes)).AsInt32();
            Vector128<int> low = ((pairs & Vector128.Create(15)) ^ sign) - sign, high = (pairs >>> 4 ^ sign) - sign;
            ((Vector128.ConvertToSingle(low) - Vector128.Create(zero)) * scale).Store(w + i);
            ((Vector128.ConvertToSingle(high) - Vector128.Create(zero)) * scale).Store(w + i + 4);
        }
        for (; i < to; i++)
        {
            byte code = row[i / layout.Step * (PanelLayout.Width * 4) + i % 4];
            w[i] = (Decode(code, layout.Bits, isSigned, layout.IsHigh(i)) - zero) * scale;
        }
    }

    /// <summary>A matrix of codes that somebody chose: the nearest, or those of a method that looks at data.</summary>
    /// <param name="codes">(O, I) of signed bytes, those of 4 bits from −8 to 7.</param>
    /// <param name="scales">(O, G).</param>
    /// <param name="zeros">(O, G) of signed bytes, the codes that stand for 0; null where there are no zero points.</param>
    /// <param name="format">Bits, groups and zero points.</param>
    /// <param name="doubles">The scales in 8 bits, if they have that many already.</param>
    internal static QuantizedMatrix Of(Tensor codes, Tensor scales, Tensor? zeros, QuantizedFormat format, DoubleScales? doubles = null)
    {
        format.RequireFits(codes.size(1));
        var matrix = new QuantizedMatrix(codes.size(0), codes.size(1), format);
        using Tensor wholeCodes = codes.contiguous(), wholeScales = scales.to(ScalarType.Float32).contiguous();
        using Tensor? wholeZeros = zeros?.contiguous();
        var c = (sbyte*)TensorMemory.Address(wholeCodes);
        var s = (float*)TensorMemory.Address(wholeScales);
        sbyte* z = wholeZeros is null ? null : (sbyte*)TensorMemory.Address(wholeZeros);
        int shift = format.IsSymmetric ? 0 : 8;   // with zero points the codes count from 0
        long outputs = matrix.Outputs, inputs = matrix.Inputs, groups = matrix.Groups, group = inputs / groups;
        int chunks = ParallelLoop.Chunks(outputs, 16);
        ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
        {
            var (from, to) = ParallelLoop.Range(outputs, chunks, chunk);
            for (long o = from; o < to; o++)
            {
                for (long g = 0; g < groups; g++)
                {
                    matrix.SetGrid(o, g, s[o * groups + g], z == null ? 0 : z[o * groups + g] + shift);
                    matrix.SetCodes(o, g, c + o * inputs + g * group, isShifted: shift != 0);
                }
            }
        });
        if (doubles is null) matrix.RoundScales();
        else matrix.SetScales(doubles);
        return matrix;
    }

    /// <summary>What <see cref="Of"/> takes: codes (O, I), scales (O, G) in 32 bits, and zero points (O, G) or null.</summary>
    internal (Tensor Codes, Tensor Scales, Tensor? Zeros) Parts()
    {
        Tensor codes = empty([Outputs, Inputs], dtype: ScalarType.Int8), scales = empty([Outputs, Groups], dtype: ScalarType.Float32);
        Tensor? zeros = _zeros is null ? null : empty([Outputs, Groups], dtype: ScalarType.Int8);
        var c = (sbyte*)TensorMemory.Address(codes);
        var s = (float*)TensorMemory.Address(scales);
        sbyte* z = zeros is null ? null : (sbyte*)TensorMemory.Address(zeros);
        byte* ownCodes = Codes;
        GroupNumbers ownScales = Scales;
        GroupNumbers? ownZeros = Zeros;
        PanelLayout layout = Layout;
        bool isSigned = zeros is null && !Format.IsNormalFloat;
        int shift = Format.IsSymmetric ? 0 : 8, chunks = ParallelLoop.Chunks(Outputs, 16);
        long outputs = Outputs, inputs = Inputs, groups = Groups;
        ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
        {
            var (from, to) = ParallelLoop.Range(outputs, chunks, chunk);
            for (long o = from; o < to; o++)
            {
                for (long g = 0; g < groups; g++)
                {
                    long place = PanelLayout.PlaceOf(o, g, groups);
                    s[o * groups + g] = ownScales[place];
                    if (z != null) z[o * groups + g] = (sbyte)(ownZeros![place] - shift);
                }
                for (long i = 0; i < inputs; i++) c[o * inputs + i] = (sbyte)(Decode(ownCodes[layout.ByteOf(o, i)], layout.Bits, isSigned, layout.IsHigh(i)) - shift);
            }
        });
        GC.KeepAlive(this);
        return (codes, scales, zeros);
    }

    /// <summary>The weights in 32 bits, side by side on the CPU.</summary>
    internal static Tensor Values(Tensor weight, QuantizedFormat format)
    {
        ArgumentNullException.ThrowIfNull(weight);
        ArgumentNullException.ThrowIfNull(format);
        if (weight.ndim != 2 || weight.numel() == 0 || !weight.is_floating_point())
            throw new ArgumentException($"The weight must be a matrix of floating-point numbers that is not empty (got {weight.dtype} of [{string.Join(", ", weight.shape)}]).", nameof(weight));
        format.RequireFits(weight.size(1));
        using DisposeScope scope = NewDisposeScope();
        return scope.MoveToOuter(weight.detach().to(ScalarType.Float32).cpu().contiguous().alias());
    }

    private void SetGrid(long output, long group, float scale, int zero)
    {
        long place = PanelLayout.PlaceOf(output, group, Groups);
        Scales[place] = scale;
        if (Zeros is { } zeros) zeros[place] = zero;
    }

    /// <summary>Rounds scales to 8 bits where the format says so.</summary>
    private void RoundScales()
    {
        if (!Format.HasDoubleScales) return;
        float[] scales = new float[Outputs * Groups];
        for (long i = 0; i < scales.Length; i++) scales[i] = Scales[PanelLayout.PlaceOf(i / Groups, i % Groups, Groups)];
        SetScales(DoubleScales.Of(scales));
    }

    private void SetScales(DoubleScales scales)
    {
        ScaleCodes = scales;
        for (long i = 0; i < Outputs * Groups; i++) Scales[PanelLayout.PlaceOf(i / Groups, i % Groups, Groups)] = scales[i];
    }

    /// <summary>Sets the codes of a group.</summary>
    /// <param name="output">The output.</param>
    /// <param name="group">The group.</param>
    /// <param name="codes">As many as the group has inputs.</param>
    /// <param name="isShifted">Whether those of 4 bits count from −8, and are stored from 0.</param>
    [MethodImpl(ParallelLoop.Hot)]
    private void SetCodes(long output, long group, sbyte* codes, bool isShifted)
    {
        const int Next = PanelLayout.Width * 4;
        long count = Inputs / Groups, i = 0;
        byte* row = _codesAt + Layout.ByteOf(output, group * count);   // groups begin at whole steps
        if (Layout.Bits == 4)
        {
            uint shift = isShifted ? 0x08080808u : 0;   // 8 more, modulo 16
            for (; i < count; i += 8, row += Next) *(uint*)row = (*(uint*)(codes + i) ^ shift) & 0x0F0F0F0F | ((*(uint*)(codes + i + 4) ^ shift) & 0x0F0F0F0F) << 4;
            return;
        }
        int sum = 0;
        for (; i + 4 <= count; i += 4, row += Next)
        {
            *(uint*)row = *(uint*)(codes + i);
            sum += codes[i] + codes[i + 1] + codes[i + 2] + codes[i + 3];
        }
        for (; i < count; i++)
        {
            row[i % 4] = (byte)codes[i];
            sum += codes[i];
        }
        _sumsAt[PanelLayout.PlaceOf(output, group, Groups)] = sum;
    }

    private static int Decode(byte code, int bits, bool signed, bool high)
    {
        if (bits == 8) return (sbyte)code;
        int half = high ? code >> 4 : code & 15;
        return signed && half > 7 ? half - 16 : half;
    }
}
