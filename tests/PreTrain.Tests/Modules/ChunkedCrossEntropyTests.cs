using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Models.T5;
using PreTrain.Modules;
using PreTrain.Optimization;
using PreTrain.Torch;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

[Collection(nameof(RunsAlone))]
public sealed class ChunkedCrossEntropyTests : IDisposable
{
    private const double Normalizer = 11;

    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static Tensor Targets(long rows, long classes)
    {
        using var generator = new Generator(5);
        Tensor targets = randint(0, classes, [rows], dtype: ScalarType.Int64, generator: generator);
        for (long r = 1; r < rows; r += 4) targets[r] = CrossEntropy.Ignored;
        return targets;
    }

    /// <summary>The loss and all gradients of three leaves.</summary>
    private static (double Loss, double[][] Gradients) Run(Tensor rows, Tensor weight, Tensor? bias, Tensor targets, long maxBytes, ScalarType type, double factor = 1)
    {
        Tensor[] leaves = [.. new[] { rows, weight, bias }.Where(t => t is not null).Select(t => Leaf(t!, type))];
        Tensor loss = ChunkedCrossEntropy.Apply(leaves[0], leaves[1], leaves.ElementAtOrDefault(2), targets, Normalizer, maxBytes);
        Assert.Equal(ScalarType.Float32, loss.dtype);
        (loss * factor).backward();
        return (loss.item<float>(), [.. leaves.Select(leaf => Doubles(leaf.grad!))]);
    }

    /// <summary>In 64 bits, by the definition.</summary>
    private static (double Loss, double[][] Gradients) Plain(Tensor rows, Tensor weight, Tensor? bias, Tensor targets)
    {
        Tensor[] leaves = [.. new[] { rows, weight, bias }.Where(t => t is not null).Select(t => Leaf(t!, ScalarType.Float64))];
        Tensor scores = matmul(leaves[0], leaves[1].t());
        if (bias is not null) scores += leaves[2];
        Tensor loss = zeros([], dtype: ScalarType.Float64);
        for (long r = 0; r < rows.size(0); r++)
            if (targets[r].item<long>() is var target && target != CrossEntropy.Ignored) loss += scores[r].logsumexp(0) - scores[r][target];
        loss /= Normalizer;
        loss.backward();
        return (loss.item<double>(), [.. leaves.Select(leaf => Doubles(leaf.grad!))]);
    }

    [Theory]
    [InlineData(13, 7, 31, 1, true)]
    [InlineData(13, 7, 31, 5, false)]
    [InlineData(13, 32, 97, 3, true)]
    [InlineData(13, 32, 97, 13, true)]
    [InlineData(13, 32, 97, 29, false)]
    public void Apply_ChunksOfAnySize_IsTheFormulaAndItsGradients(long rows, long width, long classes, long chunk, bool hasBias)
    {
        Tensor x = Normal([rows, width], 3), weight = Normal([classes, width], 5), targets = Targets(rows, classes);
        Tensor? bias = hasBias ? Normal([classes], 7) : null;

        var (expected, expectedGradients) = Plain(x, weight, bias, targets);
        var (loss, gradients) = Run(x, weight, bias, targets, chunk * classes * sizeof(float), ScalarType.Float32);

        Assert.Equal(expected, loss, 32 * Float32Rounding * expected);
        for (int i = 0; i < gradients.Length; i++) AssertClose(expectedGradients[i], gradients[i], gradients[i].Length, 64 * Float32Rounding, $"gradient {i}");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Apply_BFloat16_HasGradientsAsNearAsThoseOfTheWhole(long chunk)
    {
        Tensor x = Normal([13, 32], 3).to(ScalarType.BFloat16), weight = Normal([97, 32], 5).to(ScalarType.BFloat16), bias = Normal([97], 7).to(ScalarType.BFloat16), targets = Targets(13, 97);

        var (_, expected) = Plain(x, weight, bias, targets);
        var (_, whole) = Run(x, weight, bias, targets, 1 << 20, ScalarType.BFloat16);
        var (_, chunked) = Run(x, weight, bias, targets, chunk * 97 * 2, ScalarType.BFloat16);

        for (int i = 0; i < expected.Length; i++)
        {
            double Error(double[] gradient) => expected[i].Zip(gradient, (a, b) => Math.Abs(a - b)).Max();
            Assert.True(Error(chunked[i]) <= 2 * Error(whole[i]), $"gradient {i}: off by {Error(chunked[i]):E2} in chunks, by {Error(whole[i]):E2} as a whole");
        }
    }

    // As in 16-bit floats, in a type that every processor multiplies.
    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 65536)]
    [InlineData(200, 65536)]
    public void Apply_DividedLate_IsTheFormulaAndItsGradients(long chunk, double factor)
    {
        Tensor x = Normal([211, 7], 3), weight = Normal([31, 7], 5), bias = Normal([31], 7), targets = Targets(211, 31);
        Tensor[] leaves = [.. new[] { x, weight, bias }.Select(t => Leaf(t, ScalarType.Float32))];

        Tensor loss = ChunkedCrossEntropy.Apply(leaves[0], leaves[1], leaves[2], targets, Normalizer, chunk * 31 * sizeof(float), late: true);
        (loss * factor).backward();

        var (expected, gradients) = Plain(x, weight, bias, targets);
        Assert.Equal(expected, loss.item<float>(), 32 * Float32Rounding * expected);
        for (int i = 0; i < gradients.Length; i++)
            AssertClose(gradients[i], [.. Doubles(leaves[i].grad!).Select(g => g / factor)], gradients[i].Length, 64 * Float32Rounding, $"gradient {i}");
    }

    // A class of a probability of 1e-4 among a million targets: divided at once, 1e-10 would be no 16-bit float.
    [Fact]
    public void Apply_Float16_KeepsWhatTheLossScaleBringsBack()
    {
        Assert.SkipUnless(HalfPrecision.IsSupported(CPU, out string? fault), $"this libtorch has no halves on the processor: {fault}");
        const double Scale = 65536, Many = 1e6;
        Tensor x = Normal([13, 32], 3).to(ScalarType.Float16), weight = Normal([97, 32], 5).to(ScalarType.Float16), targets = Targets(13, 97);
        Tensor[] leaves = [Leaf(x, ScalarType.Float16), Leaf(weight, ScalarType.Float16)];

        (ChunkedCrossEntropy.Apply(leaves[0], leaves[1], null, targets, Many, 4 * 97 * 2) * Scale).backward();

        var (_, gradients) = Plain(x, weight, null, targets);
        for (int i = 0; i < gradients.Length; i++)
        {
            double[] expected = [.. gradients[i].Select(g => g * Normalizer / Many)], actual = [.. Doubles(leaves[i].grad!).Select(g => g / Scale)];
            double largest = expected.Max(Math.Abs);
            Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 4e-3 * largest));
        }
    }

    [Fact]
    public void Apply_FactorBehindTheLoss_ScalesTheGradients()
    {
        Tensor x = Normal([13, 7], 3), weight = Normal([31, 7], 5), targets = Targets(13, 31);

        var (_, gradients) = Run(x, weight, null, targets, 1, ScalarType.Float32);
        var (_, scaled) = Run(x, weight, null, targets, 1, ScalarType.Float32, factor: 4);

        for (int i = 0; i < gradients.Length; i++) Assert.Equal(gradients[i].Select(g => 4 * g), scaled[i]);
    }

    [Fact]
    public void Apply_WithoutGradients_IsTheSameLoss()
    {
        Tensor x = Normal([13, 7], 3), weight = Normal([31, 7], 5), targets = Targets(13, 31);
        using IDisposable mode = no_grad();

        Assert.Equal(Whole(), ChunkedCrossEntropy.Apply(x, weight, null, targets, Normalizer, 200).item<float>(), 1e-6f);

        float Whole() => (nn.functional.cross_entropy(matmul(x, weight.t()), targets, ignore_index: CrossEntropy.Ignored, reduction: nn.Reduction.Sum) / Normalizer).item<float>();
    }

    [Theory]
    [InlineData("gpt")]
    [InlineData("bert")]
    [InlineData("t5")]
    public void Loss_OfAModelInChunks_HasTheGradientsOfTheWhole(string family)
    {
        Tensor ids = remainder(arange(22, dtype: ScalarType.Int64) * 7, 31).view(2, 11), targets = remainder(arange(22, dtype: ScalarType.Int64) * 5, 31).view(2, 11);
        nn.Module Create()
        {
            using var generator = new Generator(3);
            return family switch
            {
                "gpt" => new GptModel(new GptConfig { VocabSize = 31, ContextLength = 11, LayerCount = 1, HeadCount = 2, EmbeddingDim = 32, FeedForwardDim = 48 }, generator: generator),
                "bert" => new BertModel(new BertConfig { VocabSize = 31, ContextLength = 11, LayerCount = 1, HeadCount = 2, EmbeddingDim = 32, FeedForwardDim = 48, Dropout = 0, AttentionDropout = 0 }, generator: generator),
                _ => new T5Model(new T5Config { VocabSize = 31, LayerCount = 1, HeadCount = 2, HeadDim = 16, EmbeddingDim = 32, FeedForwardDim = 48, Dropout = 0 }, generator: generator),
            };
        }
        (double Loss, double[] Gradient) Step(long maxBytes)
        {
            using nn.Module model = Create();
            ((ITransformerModel)model).MaxScoreBytes = maxBytes;
            using var parameters = new FlatParameters(model, Precision.Float32);
            Tensor loss = model switch
            {
                ICausalLanguageModel causal => causal.Loss(ids, targets, 22),
                IMaskedLanguageModel masked => masked.Loss(new() { Ids = ids }, targets, 22),
                _ => ((ISequenceToSequenceModel)model).Loss(new() { Ids = ids }, targets, 22),
            };
            loss.backward();
            parameters.Collect();
            return (loss.item<float>(), Doubles(parameters.Gradient));
        }

        var (expected, expectedGradient) = Step(1 << 20);
        var (loss, gradient) = Step(5 * 31 * sizeof(float));

        Assert.Equal(expected, loss, 1e-5);
        AssertClose(expectedGradient, gradient, gradient.Length, 1e-5, "gradient");
    }

    [Fact]
    public void Apply_AgainAndAgain_LeavesNoTensor()
    {
        Tensor x = Leaf(Normal([13, 7], 3), ScalarType.Float32), weight = Leaf(Normal([31, 7], 5), ScalarType.Float32), targets = Targets(13, 31);
        void Step()
        {
            using DisposeScope scope = NewDisposeScope();
            ChunkedCrossEntropy.Apply(x, weight, null, targets, Normalizer, 200).backward();
        }
        Step();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long before = Tensor.TotalCount;
        for (int i = 0; i < 50; i++) Step();
        GC.Collect();
        GC.WaitForPendingFinalizers();

        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void Apply_ShapesThatDoNotFit_Throws()
    {
        Tensor x = Normal([13, 7], 3), weight = Normal([31, 5], 5), targets = Targets(13, 31);

        Assert.Contains("rows (13, 7) must be (N, C) and weight (31, 5) (V, C), with one C.", Assert.Throws<ArgumentException>(() => ChunkedCrossEntropy.Apply(x, weight, null, targets, 1)).Message);
        Assert.Contains("targets (12) must be (N), one for each of the 13 rows.",
            Assert.Throws<ArgumentException>(() => ChunkedCrossEntropy.Apply(x, Normal([31, 7], 5), null, targets.narrow(0, 0, 12), 1)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => ChunkedCrossEntropy.Apply(x, Normal([31, 7], 5), null, targets, 1, maxBytes: 0));
    }
}
