using PreTrain.Modules;
using PreTrain.Tests.Torch.Cpu;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

/// <summary>Attention by kernels whose weights are dropped, and whose scores have a bias, beside the formula in 64 bits with the same mask.</summary>
[Collection(nameof(RunsAlone))]
public sealed class AttentionDropoutTests : IDisposable
{
    private const int Head = 16;

    private readonly DisposeScope _scope = NewDisposeScope();

    public AttentionDropoutTests() => Kernels.SkipWithoutKernels();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData("7", "7", 2, 2, false, false, 0.3)]
    [InlineData("67", "67", 3, 1, true, false, 0.5)]
    [InlineData("5 0 19 67", "5 3 19 67", 4, 2, false, false, 0.2)]
    [InlineData("71 71", "33 33", 2, 2, false, true, 0.4)]
    [InlineData("70 33 70", "70 33 70", 4, 4, true, true, 0.1)]
    [InlineData("9 65", "40 3", 4, 2, false, true, 0)]
    public void Apply_KeptWeights_AreTheFormulaAndItsGradient(string queries, string keys, int heads, int shared, bool causal, bool hasBias, double probability)
    {
        var options = new AttentionOptions { HeadCount = heads, KeyValueHeadCount = shared, Dropout = probability, Scale = 0.3 };
        PackedSequences own = PackedSequences.OfLengths([.. queries.Split(' ').Select(int.Parse)]), theirs = PackedSequences.OfLengths([.. keys.Split(' ').Select(int.Parse)]);
        AttentionMask mask = causal ? AttentionMask.Causal : AttentionMask.None;
        Tensor[] inputs = [Normal([own.Rows, heads * Head], 3), Normal([theirs.Rows, shared * Head], 5), Normal([theirs.Rows, shared * Head], 7), Normal([1, heads, own.MaxLength, theirs.MaxLength], 9)];
        Tensor dy = Normal([own.Rows, heads * Head], 11);

        manual_seed(13);
        DropoutMask? drawn = probability == 0 ? null : DropoutMask.Draw(probability);
        manual_seed(13);
        var (result, gradients) = Run(ScalarType.Float32, leaves => Attention.Apply(leaves[0], leaves[1], leaves[2], own, theirs, mask, options with { Bias = hasBias ? leaves[3] : null }).Rows);
        manual_seed(13);
        var (again, againGradients) = Run(ScalarType.Float32, leaves => Attention.Apply(leaves[0], leaves[1], leaves[2], own, theirs, mask, options with { Bias = hasBias ? leaves[3] : null }).Rows);
        Assert.Equal(result, again);

        var (expected, expectedGradients) = Run(ScalarType.Float64, leaves => Slow(leaves, own, theirs, mask, options, hasBias, drawn));
        AssertClose(expected, result, Head, 128 * Float32Rounding, "result", least: 1);
        for (int i = 0; i < (hasBias ? 4 : 3); i++)
        {
            AssertClose(expectedGradients[i], gradients[i], gradients[i].Length, 256 * Float32Rounding, $"gradient {i}", least: 1);
            Assert.Equal(gradients[i], againGradients[i]);
        }

        manual_seed(13);
        var (few, _) = Run(ScalarType.BFloat16, leaves => Attention.Apply(leaves[0], leaves[1], leaves[2], own, theirs, mask, options with { Bias = hasBias ? leaves[3] : null }).Rows);
        AssertClose(expected, few, expected.Length, 8 * BFloat16Rounding, "result of 16 bits", least: 1);

        (double[], double[][]) Run(ScalarType type, Func<Tensor[], Tensor> f)
        {
            Tensor[] leaves = [.. inputs.Select(x => Leaf(x, type))];
            Tensor y = f(leaves);
            y.backward([dy.to(type)]);
            return (Doubles(y), [.. leaves.Select(leaf => leaf.grad is { } grad ? Doubles(grad) : [])]);
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Apply_BiasThatNeedsNoGradient_GetsNone(ScalarType type)
    {
        PackedSequences sequences = PackedSequences.Full(2, 9);
        Tensor q = Leaf(Normal([18, 2 * Head], 3), type), bias = Normal([1, 2, 9, 9], 5);

        Attention.Apply(q, q, q, sequences, sequences, AttentionMask.None, new() { HeadCount = 2, Bias = bias, Dropout = 0.5 }).Rows.sum().backward();

        Assert.Null(bias.grad);
        Assert.True(q.grad!.isfinite().all().item<bool>());
    }

    [Fact]
    public void Apply_ManySteps_LeavesNoTensors()
    {
        PackedSequences sequences = PackedSequences.Full(2, 9);
        Tensor q = Leaf(Normal([18, 2 * Head], 3), ScalarType.Float32), bias = Leaf(Normal([1, 2, 9, 9], 5), ScalarType.Float32);
        Step();
        long before = LiveTensors.Count();

        Step();

        Assert.Equal(before, LiveTensors.Count());

        void Step()
        {
            using (NewDisposeScope()) Attention.Apply(q, q, q, sequences, sequences, AttentionMask.None, new() { HeadCount = 2, Bias = bias, Dropout = 0.5 }).Rows.sum().backward();
            foreach (Tensor leaf in new[] { q, bias })
            {
                leaf.grad!.Dispose();
                leaf.grad = null;
            }
        }
    }

    [Fact]
    public void CausalAttention_Dropout_IsThatOfAttention()
    {
        Tensor qkv = Normal([3 * 7, 3 * 2 * Head], 3), bias = Normal([3 * 2 * Head], 5);
        PackedSequences sequences = PackedSequences.Full(3, 7);

        manual_seed(17);
        Tensor actual = CausalAttention.Apply(qkv, bias, 3, 2, 0.4);
        manual_seed(17);
        Tensor[] parts = (qkv + bias).chunk(3, 1);
        Tensor expected = Attention.Apply(parts[0], parts[1], parts[2], sequences, sequences, AttentionMask.Causal, new() { HeadCount = 2, Dropout = 0.4 }).Rows;

        Assert.Equal(Doubles(expected), Doubles(actual));
        Assert.NotEqual(Doubles(CausalAttention.Apply(qkv, bias, 3, 2)), Doubles(actual));
    }

    /// <summary>One head of one sequence after the other, by torch's operators in 64 bits.</summary>
    private static Tensor Slow(Tensor[] leaves, PackedSequences queries, PackedSequences keys, AttentionMask mask, AttentionOptions options, bool hasBias, DropoutMask? dropout)
    {
        var sequences = new List<Tensor>();
        long maskBlocks = (keys.MaxLength + Philox.BlockSize - 1) / Philox.BlockSize;
        for (int b = 0; b < queries.Count; b++)
        {
            int length = queries.Lengths[b], seen = keys.Lengths[b];
            if (length == 0) continue;
            var heads = new List<Tensor>();
            (int First, int End)[] intervals = mask.Intervals(b, length, seen);
            for (int h = 0; h < options.HeadCount; h++)
            {
                int g = h / (options.HeadCount / options.KeyValueHeadCount);
                Tensor q = leaves[0].narrow(0, queries.Starts[b], length).narrow(1, h * Head, Head);
                Tensor k = leaves[1].narrow(0, keys.Starts[b], seen).narrow(1, g * Head, Head), v = leaves[2].narrow(0, keys.Starts[b], seen).narrow(1, g * Head, Head);
                Tensor scores = q.mm(k.t()) * options.Scale!.Value;
                if (hasBias) scores += leaves[3][0, h].narrow(0, 0, length).narrow(1, 0, seen);
                Tensor hidden = zeros([length, seen], ScalarType.Float64), factors = ones([length, seen], ScalarType.Float64);
                for (int t = 0; t < length; t++)
                {
                    for (int s = 0; s < seen; s++)
                    {
                        if (s < intervals[t].First || s >= intervals[t].End) hidden[t, s] = double.NegativeInfinity;
                        if (dropout is null) continue;
                        ulong block = (ulong)((((long)b * options.HeadCount) + h) * queries.MaxLength * maskBlocks) + (ulong)(t * ((seen + Philox.BlockSize - 1) / Philox.BlockSize)) + (ulong)(s / Philox.BlockSize);
                        factors[t, s] = PhiloxTests.Numbers(dropout.Key, block)[s % Philox.BlockSize] >= dropout.Threshold ? dropout.Scale : 0;
                    }
                }
                heads.Add(((scores + hidden).softmax(-1) * factors).mm(v));
            }
            sequences.Add(cat(heads, 1));
        }
        return cat(sequences, 0);
    }
}
