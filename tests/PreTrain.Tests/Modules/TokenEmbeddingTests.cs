using PreTrain.Modules;
using PreTrain.Optimization;
using PreTrain.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

[Collection(nameof(RunsAlone))]
public sealed class TokenEmbeddingTests : IDisposable
{
    private const long Vocabulary = 23, Positions = 71;

    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static Tensor[] Inputs(long columns) => [Normal([Vocabulary, columns], 3), Normal([Positions, columns], 5)];

    private static Tensor Ids(long batch, long length)
    {
        using var generator = new Generator(7);
        return randint(0, Vocabulary - 1, [batch, length], dtype: ScalarType.Int64, generator: generator);   // the last token never occurs
    }

    private static Func<double[][], double[]> Plain(Tensor ids, long offset, int columns) => t =>
    {
        long[] id = ids.data<long>().ToArray();
        var length = (int)ids.size(1);
        return [.. Enumerable.Range(0, id.Length * columns).Select(i =>
            t[0][id[i / columns] * columns + i % columns] + t[1][(offset + i / columns % length) * columns + i % columns])];
    };

    [Theory]
    [InlineData(1, 1, 16, 0)]
    [InlineData(1, 1, 16, 70)]
    [InlineData(3, 5, 48, 2)]
    [InlineData(31, 67, 16, 4)]
    [InlineData(3, 5, 7, 2)]
    public void Apply_Float32_IsTheFormulaAndItsGradient(long batch, long length, int columns, long offset)
    {
        Tensor ids = Ids(batch, length);
        Tensor[] inputs = Inputs(columns);

        Tensor x = TokenEmbedding.Apply(ids, inputs[0], inputs[1], offset);

        Assert.Equal([batch * length, columns], x.shape);
        AssertClose(Plain(ids, offset, columns)(Array.ConvertAll(inputs, Doubles)), Doubles(x), columns, Float32Rounding, "result");
        Kernels.AssertMatchesFloat64(t => TokenEmbedding.Apply(ids, t[0], t[1], offset), inputs, 16);
    }

    [Fact]
    public void Apply_Float32_HasTheGradientOfDifferences()
    {
        Tensor ids = Ids(2, 3);
        Kernels.AssertGradientsAreDifferences(t => TokenEmbedding.Apply(ids, t[0], t[1], 2), Plain(ids, 2, 16), Inputs(16), 8);
    }

    [Fact]
    public void Apply_TokenThatDoesNotOccur_HasNoGradient()
    {
        Tensor[] leaves = Array.ConvertAll(Inputs(16), t => Leaf(t, ScalarType.Float32));

        TokenEmbedding.Apply(Ids(3, 5), leaves[0], leaves[1], 2).sum().backward();

        Assert.All(Doubles(leaves[0].grad![^1]), g => Assert.Equal(0, g));
        Assert.All(Doubles(leaves[1].grad![2]), g => Assert.Equal(3, g));
        Assert.All(Doubles(leaves[1].grad![1]), g => Assert.Equal(0, g));
        Assert.All(Doubles(leaves[1].grad![7]), g => Assert.Equal(0, g));
    }

    [Fact]
    public void Apply_BFloat16_IsFloat32Rounded()
    {
        Tensor ids = Ids(3, 67);
        Kernels.AssertBFloat16IsRoundedFloat32(t => TokenEmbedding.Apply(ids, t[0], t[1], 4), Inputs(32), BFloat16Rounding);
    }

    [Fact]
    public void Apply_TwoThreads_GivesTheSameBits()
    {
        Tensor ids = Ids(31, 67);
        Kernels.AssertSameOnAnyNumberOfThreads(t => TokenEmbedding.Apply(ids, t[0], t[1], 3), Inputs(48));
    }

    [Fact]
    public void Apply_ForwardAndBackward_LeavesNoTensor()
    {
        Tensor ids = Ids(3, 67);
        Kernels.AssertLeavesNoTensor(t => TokenEmbedding.Apply(ids, t[0], t[1], 3), Inputs(32));
    }

    [Fact]
    public void Apply_NotFinite_StaysInItsRow()
    {
        Tensor[] inputs = Inputs(16);
        inputs[0][3, 5] = float.NaN;
        inputs[0][4, 6] = float.NegativeInfinity;

        double[] x = Doubles(TokenEmbedding.Apply(tensor(new long[] { 3, 4, 5 }, [1, 3]), inputs[0], inputs[1]));

        Assert.Equal([5], Enumerable.Range(0, 48).Where(i => double.IsNaN(x[i])));
        Assert.Equal([22], Enumerable.Range(0, 48).Where(i => double.IsNegativeInfinity(x[i])));
    }

    [Theory]
    [InlineData(23L)]
    [InlineData(-1L)]
    [InlineData(long.MaxValue)]
    public void Apply_IdOutsideTheVocabulary_Throws(long id)
    {
        Tensor ids = Ids(3, 5);
        ids[1, 2] = id;

        var e = Assert.Throws<ArgumentException>(() => TokenEmbedding.Apply(ids, Inputs(16)[0], Inputs(16)[1]));

        Assert.Equal($"The token id {id} at row 1, column 2 is outside the vocabulary (0 to 22). (Parameter 'ids')", e.Message);
    }

    [Fact]
    public void Apply_InputsThatDoNotFit_Throws()
    {
        Tensor tokens = Inputs(16)[0], positions = Inputs(16)[1];

        Assert.Equal("The sequence reaches position 72, beyond the context length (71). Shorten it, or cut it into windows. (Parameter 'ids')",
            Assert.Throws<ArgumentException>(() => TokenEmbedding.Apply(Ids(1, 5), tokens, positions, 67)).Message);
        Assert.Equal("ids must be (B, T), not (5). (Parameter 'ids')",
            Assert.Throws<ArgumentException>(() => TokenEmbedding.Apply(Ids(1, 5)[0], tokens, positions)).Message);
        Assert.Equal("ids must be 64-bit integers, not Int32. (Parameter 'ids')",
            Assert.Throws<ArgumentException>(() => TokenEmbedding.Apply(Ids(1, 5).to(ScalarType.Int32), tokens, positions)).Message);
        Assert.Equal("tokens (23, 16) must be (V, C) and positions (71, 32) (P, C), with one C. (Parameter 'positions')",
            Assert.Throws<ArgumentException>(() => TokenEmbedding.Apply(Ids(1, 5), tokens, Inputs(32)[1])).Message);
        Assert.Equal("offset", Assert.Throws<ArgumentOutOfRangeException>(() => TokenEmbedding.Apply(Ids(1, 5), tokens, positions, -1)).ParamName);
    }

    [Fact]
    public void Apply_ParametersWithBuffers_AddsTheGradientsToThem()
    {
        Kernels.SkipWithoutKernels();
        Tensor ids = Ids(3, 5);
        Tensor[] plain = Array.ConvertAll(Inputs(16), t => Leaf(t, ScalarType.Float32));
        using var model = new Embeddings(Inputs(16));
        using var parameters = new FlatParameters(model, Precision.Float32);
        Tensor upstream = Normal([15, 16], 13);

        for (int i = 0; i < 2; i++)
        {
            TokenEmbedding.Apply(ids, plain[0], plain[1]).backward([upstream]);
            TokenEmbedding.Apply(ids, model.tokens, model.positions).backward([upstream]);
        }

        Assert.Equal(Doubles(plain[0].grad!), Doubles(model.tokens.grad!));
        Assert.Equal(Doubles(plain[1].grad!), Doubles(model.positions.grad!));
        Tensor[] views = [.. parameters.Split(parameters.Gradient).Select(p => p.View)];
        Assert.Equal(Doubles(plain[0].grad!), Doubles(views[0]));
        Assert.Equal(Doubles(plain[1].grad!), Doubles(views[1]));
    }

    private sealed class Embeddings : nn.Module
    {
        internal readonly Parameter tokens, positions;

        internal Embeddings(Tensor[] values) : base(nameof(Embeddings))
        {
            (tokens, positions) = (new Parameter(values[0].clone()), new Parameter(values[1].clone()));
            RegisterComponents();
        }
    }
}
