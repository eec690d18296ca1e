using PreTrain.Modules;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

[Collection(nameof(RunsAlone))]
public sealed class DropPathTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static PackedSequences Sequences(int count) => PackedSequences.OfLengths([.. Enumerable.Range(0, count).Select(b => 1 + b % 3)]);

    [Fact]
    public void Apply_EverySequence_IsKeptAndScaledOrDroppedAsAWhole()
    {
        PackedSequences sequences = Sequences(97);
        Tensor x = Normal([sequences.Rows, 5], 3).abs() + 1;
        manual_seed(7);

        double[] factors = Doubles(DropPath.Apply(x, sequences, 0.25) / x);

        int kept = 0;
        for (int b = 0; b < sequences.Count; b++)
        {
            double[] own = factors[(sequences.Starts[b] * 5)..((sequences.Starts[b] + sequences.Lengths[b]) * 5)];
            double first = own[0] == 0 ? 0 : 4.0 / 3;
            Assert.All(own, f => Assert.Equal(first, f, 1e-6));
            if (first > 0) kept++;
        }
        Assert.InRange(kept, 97 * 0.75 - 15, 97 * 0.75 + 15);   // more than three deviations
    }

    [Fact]
    public void Apply_SameSeed_DropsTheSame_AndGradientsAreTheFactors()
    {
        PackedSequences sequences = Sequences(13);
        Tensor x = Normal([sequences.Rows, 7], 3).requires_grad_();
        manual_seed(7);
        Tensor y = DropPath.Apply(x, sequences, 0.5);
        y.sum().backward();
        manual_seed(7);

        Assert.Equal(Bytes(y), Bytes(DropPath.Apply(x, sequences, 0.5)));
        AssertClose(Doubles(y), Doubles(x.grad! * x), 7, 4 * Float32Rounding, "result");
        Assert.Contains(0, Doubles(x.grad!));
    }

    [Fact]
    public void Apply_RateZero_IsTheUpdateItself()
    {
        Tensor x = Normal([3, 5], 3);

        Assert.Same(x, DropPath.Apply(x, PackedSequences.Full(1, 3), 0));
    }

    [Fact]
    public void Apply_BFloat16_StaysSo() => Assert.Equal(ScalarType.BFloat16, DropPath.Apply(Normal([3, 5], 3).to(ScalarType.BFloat16), PackedSequences.Full(3, 1), 0.5).dtype);

    [Theory]
    [InlineData(0, 0.05)]
    [InlineData(3, 0.2)]
    public void RateOf_Layer_GrowsEvenly(int layer, double expected) => Assert.Equal(expected, DropPath.RateOf(layer, 4, 0.2), 1e-12);

    [Fact]
    public void Apply_FaultyArguments_Throws()
    {
        var rate = Assert.Throws<ArgumentOutOfRangeException>(() => DropPath.Apply(zeros([3, 5]), PackedSequences.Full(1, 3), 1));
        var rows = Assert.Throws<ArgumentException>(() => DropPath.Apply(zeros([4, 5]), PackedSequences.Full(1, 3), 0.5));

        Assert.StartsWith("The rate (1) must be at least 0 and below 1.", rate.Message, StringComparison.Ordinal);
        Assert.Equal("The update (4, 5) must have the 3 rows of the sequences. (Parameter 'update')", rows.Message);
    }
}
