using PreTrain.Modules.Quantized;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules.Quantized;

[Collection(nameof(RunsAlone))]
public sealed class Int8ProductTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<int, int, int> Shapes => new() { { 1, 5, 7 }, { 1, 47, 53 }, { 4, 48, 24 }, { 7, 131, 71 }, { 23, 37, 151 }, { 70, 128, 53 }, { 165, 192, 48 } };

    public void Dispose() => _scope.Dispose();

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Apply_AnyShape_IsThatOfTheQuantizedRows(int rows, int inputs, int outputs)
    {
        Tensor x = Normal([rows, inputs], 3) + 0.4, bias = Normal([outputs], 7);
        using QuantizedMatrix weight = QuantizedMatrix.Quantize(Normal([outputs, inputs], 5), QuantizedFormat.Int8);
        double[] values = Doubles(x), w = Doubles(weight.Dequantize()), b = Doubles(bias);
        foreach (bool hasBias in new[] { false, true })
        {
            double[] actual = Doubles(Int8Product.Apply(x, weight, hasBias ? bias : null));
            for (int r = 0; r < rows; r++)
            {
                double[] row = values[(r * inputs)..((r + 1) * inputs)];
                double least = Math.Min(0, row.Min()), step = (Math.Max(0, row.Max()) - least) / 255, zero = Math.Round(-least / step);
                for (int o = 0; o < outputs; o++)
                {
                    double expected = hasBias ? b[o] : 0, size = Math.Abs(expected), ties = 0;
                    for (int i = 0; i < inputs; i++)
                    {
                        double code = Math.Clamp(Math.Round(row[i] / step) + zero, 0, 255) - zero, term = code * step * w[o * inputs + i];
                        expected += term;
                        size += Math.Abs(term);
                        // Where 32 and 64 bits disagree on which of two codes is nearer, both are.
                        if (Math.Abs(Math.Abs(row[i] / step - Math.Round(row[i] / step)) - 0.5) < 1e-4) ties += step * Math.Abs(w[o * inputs + i]);
                    }
                    Assert.True(Math.Abs(actual[r * outputs + o] - expected) <= size * 1e-5 + ties, $"({r}, {o}): {actual[r * outputs + o]}, not {expected}");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Apply_AnyInstructions_AreTheSameToTheLastBit(int rows, int inputs, int outputs)
    {
        Tensor x = Normal([rows, inputs], 3), bias = Normal([outputs], 7);
        x[0] = ones([inputs]);                                 // codes of 255, which pairs of products would saturate with
        Tensor values = Normal([outputs, inputs], 5);
        values[0] = ones([inputs]);
        using QuantizedMatrix weight = QuantizedMatrix.Quantize(values, QuantizedFormat.Int8);
        byte[] plain = Bytes(Int8Product.Apply<PlainByteProducts>(x, weight, bias));
        if (System.Runtime.Intrinsics.X86.Avx2.IsSupported) Assert.Equal(plain, Bytes(Int8Product.Apply<WideByteProducts>(x, weight, bias)));
        if (System.Runtime.Intrinsics.X86.AvxVnni.IsSupported) Assert.Equal(plain, Bytes(Int8Product.Apply<DotByteProducts>(x, weight, bias)));
        if (WideDots.IsSupported) Assert.Equal(plain, Bytes(Int8Product.Apply<PlainByteProducts>(x, weight, bias, inWideRegisters: true)));
        if (WideDots.IsSupported && System.Runtime.Intrinsics.X86.AvxVnni.IsSupported) Assert.Equal(plain, Bytes(Int8Product.Apply<DotByteProducts>(x, weight, bias, inWideRegisters: true)));
        Assert.Equal(plain, Bytes(Int8Product.Apply(x, weight, bias)));
    }

    [Theory]
    [InlineData(0, 7, 131, 71)]
    [InlineData(32, 7, 128, 71)]
    [InlineData(64, 70, 192, 53)]
    [InlineData(128, 1, 256, 24)]
    public void Apply_GivenGrid_IsThatOfTheClippedCodes(int group, int rows, int inputs, int outputs)
    {
        Tensor x = Normal([rows, inputs], 3) + 0.4, bias = Normal([outputs], 7);
        x[0, 1] = 3e11f;                                       // far beyond the grid, and any whole number
        x[0, 2] = -3e11f;
        var grid = ActivationGrid.Of(-1.7f, 2.3f, isSymmetric: false);
        using QuantizedMatrix weight = QuantizedMatrix.Quantize(Normal([outputs, inputs], 5), QuantizedFormat.Int8 with { GroupSize = group });
        double[] values = Doubles(x), w = Doubles(weight.Dequantize()), b = Doubles(bias);
        byte[] plain = Bytes(Int8Product.Apply<PlainByteProducts>(x, weight, bias, grid: grid));
        if (System.Runtime.Intrinsics.X86.Avx2.IsSupported) Assert.Equal(plain, Bytes(Int8Product.Apply<WideByteProducts>(x, weight, bias, grid: grid)));
        if (System.Runtime.Intrinsics.X86.AvxVnni.IsSupported) Assert.Equal(plain, Bytes(Int8Product.Apply<DotByteProducts>(x, weight, bias, grid: grid)));
        if (WideDots.IsSupported) Assert.Equal(plain, Bytes(Int8Product.Apply<PlainByteProducts>(x, weight, bias, inWideRegisters: true, grid: grid)));
        Tensor product = Int8Product.Apply(x, weight, bias, grid);
        Assert.Equal(plain, Bytes(product));
        double[] actual = Doubles(product);
        for (int r = 0; r < rows; r++)
        {
            for (int o = 0; o < outputs; o++)
            {
                double expected = b[o], size = Math.Abs(expected), ties = 0;
                for (int i = 0; i < inputs; i++)
                {
                    double steps = values[r * inputs + i] / grid.Scale, term = (Math.Clamp(Math.Round(steps) + grid.Zero, 0, 255) - grid.Zero) * grid.Scale * w[o * inputs + i];
                    expected += term;
                    size += Math.Abs(term);
                    if (Math.Abs(Math.Abs(steps - Math.Round(steps)) - 0.5) < 1e-4) ties += grid.Scale * Math.Abs(w[o * inputs + i]);
                }
                Assert.True(Math.Abs(actual[r * outputs + o] - expected) <= size * 1e-5 + ties, $"({r}, {o}): {actual[r * outputs + o]}, not {expected}");
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [InlineData(false, true)]
    public unsafe void QuantizedRows_WithoutVectors_AreTheSame(bool isGiven, bool isSymmetric = false)
    {
        Tensor x = Normal([11, 149], 3) * 2;
        x[1] = zeros([149]);
        x[2, 140] = double.NaN;
        x[3, 7] = double.PositiveInfinity;
        x[4, 9] = isGiven ? 1e20f : 1e3f;
        x[5, 3] = isGiven ? -1e20f : -1e3f;
        ActivationGrid? grid = isGiven ? new ActivationGrid(0.017f, 37) : null;
        using var fast = new QuantizedRows(x, grid, isSymmetric: isSymmetric);
        using var slow = new QuantizedRows(x, grid, vectors: false, isSymmetric);
        Assert.Equal(new Span<byte>(fast.Codes, 11 * 152).ToArray(), new Span<byte>(slow.Codes, 11 * 152).ToArray());
        Assert.Equal(new Span<float>(fast.Scales, 11).ToArray(), new Span<float>(slow.Scales, 11).ToArray());
        Assert.Equal(new Span<int>(fast.Zeros, 11).ToArray(), new Span<int>(slow.Zeros, 11).ToArray());
        Assert.All(new[] { 2, 3 }, row => Assert.True(float.IsNaN(fast.Scales[row])));
        if (isSymmetric) Assert.Equal((128, 255, 0), (fast.Zeros[0], fast.Codes[4 * 152 + 9], fast.Codes[5 * 152 + 3]));
        if (isGiven) Assert.Equal((255, 0), (fast.Codes[4 * 152 + 9], fast.Codes[5 * 152 + 3]));
    }

    [Theory]
    [InlineData(3e38f)]
    [InlineData(1e-38f)]
    [InlineData(2e-40f)]
    public unsafe void QuantizedRows_ExtremeValues_AreNear(float size)
    {
        Tensor x = (Normal([3, 37], 3) / 5).clamp(-1, 1) * size;
        x[0, 1] = size;
        x[0, 2] = -size;
        using var fast = new QuantizedRows(x);
        using var slow = new QuantizedRows(x, vectors: false);
        Assert.Equal(new Span<byte>(slow.Codes, 3 * 40).ToArray(), new Span<byte>(fast.Codes, 3 * 40).ToArray());
        Assert.Equal(new Span<float>(slow.Scales, 3).ToArray(), new Span<float>(fast.Scales, 3).ToArray());
        Assert.Equal(new Span<int>(slow.Zeros, 3).ToArray(), new Span<int>(fast.Zeros, 3).ToArray());
        double[] expected = Doubles(x), actual = Doubles(fast.Dequantize(37));
        double step = Math.Max(2.0 * size / 255, 1.01 / float.MaxValue);   // of what the inverse is a number
        for (int i = 0; i < expected.Length; i++) Assert.InRange(Math.Abs(actual[i] - expected[i]), 0, step);
    }

    [Fact]
    public void Apply_MostInputsOfTheLargestCodes_FitIntoTheSums()
    {
        const long inputs = Int8Product.MostInputs;
        using QuantizedMatrix weight = QuantizedMatrix.Of(full([1, inputs], -128, dtype: ScalarType.Int8), ones([1, 1]), null, QuantizedFormat.Int8);
        float product = Int8Product.Apply(ones([1, inputs]), weight, null).item<float>();
        Assert.Equal(-128.0 * inputs, product, 1e-5 * 128 * inputs);
    }

    [Fact]
    public void Apply_ARowAlone_IsThatRowOfMany()
    {
        Tensor x = Normal([11, 53], 3), bias = Normal([71], 7);
        using QuantizedMatrix weight = QuantizedMatrix.Quantize(Normal([71, 53], 5), QuantizedFormat.Int8);
        Tensor all = Int8Product.Apply(x, weight, bias);
        for (int r = 0; r < 11; r++) Assert.Equal(Bytes(all[r]), Bytes(Int8Product.Apply(x.slice(0, r, r + 1, 1).contiguous(), weight, bias)));
    }

    [Fact]
    public void Apply_ManyRowsAndOutputs_AreTheSameOnAnyNumberOfThreads()
    {
        Tensor x = Normal([401, 1031], 3);                     // more than a block of rows
        using QuantizedMatrix weight = QuantizedMatrix.Quantize(Normal([211, 1031], 5), QuantizedFormat.Int8);
        int before = get_num_threads();
        try
        {
            set_num_threads(1);
            byte[] one = Bytes(Int8Product.Apply(x, weight, null));
            set_num_threads(2);
            Assert.Equal(one, Bytes(Int8Product.Apply(x, weight, null)));
            Assert.Equal(Bytes(Int8Product.Apply(x[400].unsqueeze(0).contiguous(), weight, null)), one[^(211 * 4)..]);
        }
        finally
        {
            set_num_threads(before);
        }
    }

    [Fact]
    public void Apply_RowsThatAreZeroOrNotFinite_StayThat()
    {
        Tensor x = Normal([5, 19], 3);
        x[1] = zeros([19]);
        x[3, 18] = double.NaN;
        x[4, 2] = double.PositiveInfinity;
        using QuantizedMatrix weight = QuantizedMatrix.Quantize(Normal([7, 19], 5), QuantizedFormat.Int8);
        Tensor y = Int8Product.Apply(x, weight, null);
        Assert.All(Doubles(y[1]), v => Assert.Equal(0, v));
        Assert.All(Doubles(y[2]), v => Assert.True(double.IsFinite(v)));
        Assert.All(Doubles(y[3]), v => Assert.True(double.IsNaN(v)));
        Assert.All(Doubles(y[4]), v => Assert.True(double.IsNaN(v)));
    }

    [Fact]
    public void Apply_LeavesNoTensor()
    {
        Tensor x = Normal([5, 19], 3);
        using QuantizedMatrix weight = QuantizedMatrix.Quantize(Normal([7, 19], 5), QuantizedFormat.Int8);
        Int8Product.Apply(x, weight, null).Dispose();
        long before = LiveTensors.Count();
        for (int i = 0; i < 3; i++) Int8Product.Apply(x, weight, null).Dispose();
        Assert.Equal(before, Tensor.TotalCount);
    }
}
