using PreTrain.Modules.Quantized;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules.Quantized;

public sealed class QuantizedMatrixTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<int, int, bool, bool> Formats => new()
    {
        { 8, 0, true, false }, { 8, 0, true, true }, { 4, 32, true, false }, { 4, 64, true, true }, { 4, 128, true, false }, { 4, 32, false, false }, { 4, 64, false, true }, { 4, 128, false, false },
    };

    public void Dispose() => _scope.Dispose();

    [Theory]
    [MemberData(nameof(Formats))]
    public void Dequantize_AnyFormat_IsTheNearestValueOfAPlainLoop(int bits, int group, bool symmetric, bool half)
    {
        var format = new QuantizedFormat { Bits = bits, GroupSize = group, IsSymmetric = symmetric, HasHalfScales = half };
        foreach (int outputs in new[] { 5, 24, 53 })
        {
            int inputs = group == 0 ? 37 : 3 * group;
            Tensor weight = Normal([outputs, inputs], 3) + 0.3;
            weight[2] = zeros([inputs]);
            weight[3] = weight[3].abs();
            using QuantizedMatrix matrix = QuantizedMatrix.Quantize(weight, format);

            double[] actual = Doubles(matrix.Dequantize()), w = Doubles(weight);
            int run = group == 0 ? inputs : group;
            double Rounded(double step) => half ? (double)(Half)step : step;
            for (int start = 0; start < w.Length; start += run)
            {
                double least = Math.Min(0, w[start..(start + run)].Min()), largest = Math.Max(0, w[start..(start + run)].Max()), size = Math.Max(-least, largest);
                double step = bits == 8 ? Rounded(size / 127) : symmetric ? Best(w[start..(start + run)], size, Rounded) : Rounded((largest - least) / 15);
                double zero = symmetric || step == 0 ? 0 : Math.Round(-least / step);
                (double lowest, double highest) = bits == 8 ? (-127, 127) : symmetric ? (-8.0, 7.0) : (0, 15);
                for (int i = start; i < start + run; i++)
                {
                    double at = step == 0 ? 0 : w[i] / step;
                    double expected = step == 0 ? 0 : (Math.Clamp(Math.Round(at) + zero, lowest, highest) - zero) * step;
                    // Where 32 and 64 bits disagree on which of two values is nearer, both are.
                    bool isTie = Math.Abs(Math.Abs(at - Math.Round(at)) - 0.5) < 1e-5;
                    Assert.True(Math.Abs(actual[i] - expected) <= (isTie ? 1.0001 : 1e-5) * step, $"{outputs} outputs, {i}: {actual[i]}, not {expected}");
                    Assert.True(Math.Abs(actual[i] - w[i]) <= (half ? 1.02 : 1.00001) * step, $"{outputs} outputs, {i}: {w[i]} became {actual[i]} with a step of {step}");
                }
            }
        }
    }

    [Theory]
    [InlineData(4, 37)]
    [InlineData(4, 40)]
    [InlineData(8, 37)]
    public void PackedCodes_AnyCount_AreAsAPlainLoopPacksThem(int bits, int count)
    {
        const int rows = 131;
        int each = 32 / bits, words = (count + each - 1) / each, least = -(1 << (bits - 1));
        Tensor codes = randint(least, -least, [rows, count], dtype: ScalarType.Int8);
        sbyte[] c = codes.data<sbyte>().ToArray();
        uint[] expected = new uint[rows * words];
        for (int i = 0; i < c.Length; i++) expected[i / count * words + i % count / each] |= (uint)(c[i] - least) << (i % count % each * bits);

        Tensor packed = PackedCodes.Pack(codes, bits);

        Assert.Equal(expected, packed.data<int>().ToArray().Select(word => unchecked((uint)word)));
        Assert.Equal(c, PackedCodes.Unpack(packed, bits, count).data<sbyte>().ToArray());
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Of_PartsOfAMatrix_IsThatMatrix(int bits, int group, bool symmetric, bool half)
    {
        using QuantizedMatrix matrix = QuantizedMatrix.Quantize(Normal([131, group == 0 ? 37 : 3 * group], 3) + 0.3, new QuantizedFormat { Bits = bits, GroupSize = group, IsSymmetric = symmetric, HasHalfScales = half });
        var (codes, scales, zeros) = matrix.Parts();
        using QuantizedMatrix again = QuantizedMatrix.Of(codes, scales, zeros, matrix.Format);
        Assert.Equal(Bytes(matrix.Dequantize()), Bytes(again.Dequantize()));
        if (bits != 8) return;
        double[] sums = Doubles(codes.view(131, matrix.Groups, -1).sum([2]));
        unsafe
        {
            for (int i = 0; i < sums.Length; i++) Assert.Equal((sums[i], sums[i]), ((double)again.Sums[PanelLayout.PlaceOf(i / matrix.Groups, i % matrix.Groups, matrix.Groups)], (double)matrix.Sums[PanelLayout.PlaceOf(i / matrix.Groups, i % matrix.Groups, matrix.Groups)]));
        }
    }

    [Fact]
    public void Quantize_SymmetricFourBits_IsNeverWorseThanOneStepForAll()
    {
        Tensor weight = Normal([211, 32], 3);
        using QuantizedMatrix matrix = QuantizedMatrix.Quantize(weight, QuantizedFormat.Int4(32));
        double[] w = Doubles(weight), actual = Doubles(matrix.Dequantize());
        var wins = new Dictionary<double, double> { [7] = 0, [7.5] = 0, [8] = 0 };
        double chosen = 0;
        for (int start = 0; start < w.Length; start += 32)
        {
            double[] row = w[start..(start + 32)];
            double size = row.Max(Math.Abs), error = row.Zip(actual[start..(start + 32)], (a, b) => (a - b) * (a - b)).Sum();
            foreach (double steps in wins.Keys.ToArray())
            {
                double other = Error(row, size / steps);
                Assert.True(error <= other * 1.0001);
                wins[steps] += other;
            }
            chosen += error;
        }
        Assert.All(wins.Values, other => Assert.True(chosen < 0.97 * other, $"{chosen} of {other}"));
    }

    [Fact]
    public void Dequantize_DisposedMatrix_IsRefused()
    {
        QuantizedMatrix matrix = QuantizedMatrix.Quantize(Normal([24, 32], 3), QuantizedFormat.Int8);
        Tensor x = Normal([7, 32], 5);
        matrix.Dispose();
        foreach (Action use in new Action[] { () => matrix.Dequantize(), () => matrix.Dequantize(META, ScalarType.Float32), () => WeightOnlyProduct.Apply(x, matrix, null), () => Int8Product.Apply(x, matrix, null) })
            Assert.Contains("is disposed", Assert.Throws<ObjectDisposedException>(use).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ByteCount_AnyFormat_CountsCodesScalesAndZeros()
    {
        Tensor weight = Normal([48, 128], 3);
        using QuantizedMatrix eight = QuantizedMatrix.Quantize(weight, QuantizedFormat.Int8), four = QuantizedMatrix.Quantize(weight, QuantizedFormat.Int4(32)), zeros = QuantizedMatrix.Quantize(weight, QuantizedFormat.Int4(64, isSymmetric: false)),
            half = QuantizedMatrix.Quantize(weight, QuantizedFormat.Int4(32, isSymmetric: false) with { HasHalfScales = true });
        Assert.Equal(48 * 128 + 48 * (4 + 4), eight.ByteCount);   // a scale, and the sum of the codes
        Assert.Equal(48 * 64 + 48 * 4 * 4, four.ByteCount);
        Assert.Equal(48 * 64 + 48 * 2 * (4 + 1), zeros.ByteCount);
        Assert.Equal(48 * 64 + 48 * 4 * (2 + 1), half.ByteCount);   // 29.7 % of what float16 takes
    }

    [Fact]
    public void Quantize_GroupsThatDoNotDivide_AreRefused()
    {
        var fault = Assert.Throws<ArgumentException>(() => QuantizedMatrix.Quantize(Normal([5, 96], 3), QuantizedFormat.Int4(64)));
        Assert.Equal("The number of inputs (96) must be divisible by GroupSize (64); take a smaller group, or 8 bits.", fault.Message);
    }

    [Fact]
    public void Quantize_NoFiniteMatrix_IsRefused()
    {
        Tensor weight = Normal([5, 7], 3);
        weight[3, 2] = double.NaN;
        Assert.Contains("not finite", Assert.Throws<ArgumentException>(() => QuantizedMatrix.Quantize(weight, QuantizedFormat.Int8)).Message, StringComparison.Ordinal);
        Assert.Contains("[7]", Assert.Throws<ArgumentException>(() => QuantizedMatrix.Quantize(Normal([7], 3), QuantizedFormat.Int8)).Message, StringComparison.Ordinal);
        Tensor large = full([3, 7], 1e8f);
        Assert.Contains("HasHalfScales", Assert.Throws<ArgumentException>(() => QuantizedMatrix.Quantize(large, new QuantizedFormat { HasHalfScales = true })).Message, StringComparison.Ordinal);
    }

    private static double Best(double[] row, double size, Func<double, double> rounded) => new[] { 7.5, 8, 7 }.Select(steps => rounded(size / steps)).MinBy(step => Error(row, step));

    private static double Error(double[] row, double step) => row.Sum(w => step == 0 ? w * w : Math.Pow(w - Math.Clamp(Math.Round(w / step), -8, 7) * step, 2));

    [Fact]
    public void Validate_AllFaults_AreNamedTogether()
    {
        string message = Assert.Throws<ArgumentException>(() => new QuantizedFormat { Bits = 8, GroupSize = 48, IsSymmetric = false }.Validate()).Message;
        Assert.Equal("GroupSize (48) must be 32, 64 or 128, or 0 for scales of whole rows. IsSymmetric must be true with 8 bits; zero points are for 4.", message);
        Assert.Equal("GroupSize (48) must be 32, 64 or 128 with 4 bits.", Assert.Throws<ArgumentException>(() => QuantizedFormat.Int4(48).Validate()).Message);
        Assert.Equal("HasDoubleScales goes with IsNormalFloat.", Assert.Throws<ArgumentException>(() => new QuantizedFormat { HasDoubleScales = true }.Validate()).Message);
        Assert.Equal("IsPerTensor goes with 8 bits and a GroupSize of 0 (got 8 and 32).", Assert.Throws<ArgumentException>(() => new QuantizedFormat { IsPerTensor = true, GroupSize = 32 }.Validate()).Message);
        Assert.Equal("IsNormalFloat goes with 4 bits, a GroupSize of 64, no zero points and no half scales.", Assert.Throws<ArgumentException>(() => (QuantizedFormat.NormalFloat4 with { GroupSize = 32 }).Validate()).Message);
        Assert.Equal("Bits (3) must be 4 or 8.", Assert.Throws<ArgumentException>(() => new QuantizedFormat { Bits = 3 }.Validate()).Message);
    }
}
