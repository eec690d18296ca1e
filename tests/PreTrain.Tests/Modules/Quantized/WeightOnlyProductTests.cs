using PreTrain.Modules.Quantized;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules.Quantized;

[Collection(nameof(RunsAlone))]
public sealed class WeightOnlyProductTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<int, int, bool, bool> Formats => new() { { 8, 0, true, false }, { 8, 0, true, true }, { 4, 32, true, false }, { 4, 64, true, true }, { 4, 32, false, true }, { 4, 128, false, false } };

    public void Dispose() => _scope.Dispose();

    [Theory]
    [MemberData(nameof(Formats))]
    public void Apply_AnyFormat_IsTheProductWithTheDequantizedWeight(int bits, int group, bool symmetric, bool half)
    {
        var format = new QuantizedFormat { Bits = bits, GroupSize = group, IsSymmetric = symmetric, HasHalfScales = half };
        foreach (int outputs in new[] { 5, 24, 149 })
        {
            int inputs = group == 0 ? 53 : 3 * group;
            Tensor bias = Normal([outputs], 7);
            using QuantizedMatrix weight = QuantizedMatrix.Quantize(Normal([outputs, inputs], 5) + 0.2, format);
            Tensor values = weight.Dequantize().to(ScalarType.Float64);
            foreach (int rows in new[] { 1, 3, 4, 7 })
            {
                Tensor x = Normal([rows, inputs], 3);
                foreach (bool hasBias in new[] { false, true })
                {
                    Tensor expected = matmul(x.to(ScalarType.Float64), values.t());
                    if (hasBias) expected += bias.to(ScalarType.Float64);
                    AssertClose(Doubles(expected), Doubles(WeightOnlyProduct.Apply(x, weight, hasBias ? bias : null)), outputs, inputs * Float32Rounding, $"{rows} rows, {outputs} outputs");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(DeviceCodesTests.Formats), MemberType = typeof(DeviceCodesTests))]
    public void ApplyAndInputGradient_MoreOutputsThanFitACache_AreThoseOfTheDequantizedWeight(QuantizedFormat format)
    {
        using QuantizedMatrix weight = QuantizedMatrix.Quantize(Normal([6007, 384], 5) + 0.2, format);
        Tensor values = weight.Dequantize().to(ScalarType.Float64), x = Normal([9, 384], 3), bias = Normal([6007], 7), gradient = Normal([9, 6007], 11);
        int before = get_num_threads();
        try
        {
            foreach (int threads in new[] { 1, 2 })
            {
                set_num_threads(threads);
                AssertClose(Doubles(matmul(x.to(ScalarType.Float64), values.t()) + bias), Doubles(WeightOnlyProduct.Apply(x, weight, bias)), 6007, 384 * Float32Rounding, "product");
                AssertClose(Doubles(matmul(gradient.to(ScalarType.Float64), values)), Doubles(WeightOnlyProduct.InputGradient(gradient, weight)), 384, 6007 * Float32Rounding, "gradient");
                using (no_grad()) AssertClose(Doubles(matmul(gradient.to(ScalarType.Float64), values)), Doubles(WeightOnlyProduct.InputGradient(gradient, weight)), 384, 6007 * Float32Rounding, "gradient, in parts");
            }
        }
        finally
        {
            set_num_threads(before);
        }
        Assert.Equal([0, 6007], WeightOnlyProduct.Apply(x.narrow(0, 0, 0), weight, bias).shape);
        Assert.True(WeightOnlyProduct.Apply(x, weight, bias).is_contiguous());
    }

    [Fact]
    public void Apply_OneRow_IsTheSameOnAnyNumberOfThreads()
    {
        Tensor x = Normal([1, 128], 3);
        using QuantizedMatrix weight = QuantizedMatrix.Quantize(Normal([307, 128], 5), QuantizedFormat.Int4(32, isSymmetric: false));
        int before = get_num_threads();
        try
        {
            set_num_threads(1);
            byte[] one = Bytes(WeightOnlyProduct.Apply(x, weight, null));
            set_num_threads(2);
            Assert.Equal(one, Bytes(WeightOnlyProduct.Apply(x, weight, null)));
        }
        finally
        {
            set_num_threads(before);
        }
    }
}
