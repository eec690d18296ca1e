using PreTrain.Modules.Quantized;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules.Quantized;

[Collection(nameof(RunsAlone))]
public sealed class WeightOnlyProductTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<int, int, bool> Formats => new() { { 8, 0, true }, { 4, 32, true }, { 4, 64, true }, { 4, 32, false }, { 4, 128, false } };

    public void Dispose() => _scope.Dispose();

    [Theory]
    [MemberData(nameof(Formats))]
    public void Apply_AnyFormat_IsTheProductWithTheDequantizedWeight(int bits, int group, bool symmetric)
    {
        var format = new QuantizedFormat { Bits = bits, GroupSize = group, IsSymmetric = symmetric };
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
