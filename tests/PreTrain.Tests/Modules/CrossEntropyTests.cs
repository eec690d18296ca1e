using PreTrain.Modules;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

[Collection(nameof(RunsAlone))]
public sealed class CrossEntropyTests : IDisposable
{
    private const double Normalizer = 37;

    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    /// <summary>Targets of which every fifth is ignored.</summary>
    private static Tensor Targets(long rows, long classes)
    {
        using var generator = new Generator(11);
        Tensor targets = randint(0, classes, [rows], dtype: ScalarType.Int64, generator: generator);
        for (long r = 2; r < rows; r += 5) targets[r] = CrossEntropy.Ignored;
        return targets;
    }

    private static double Plain(double[] logits, long[] targets, double normalizer)
    {
        int classes = logits.Length / targets.Length;
        double loss = 0;
        for (int r = 0; r < targets.Length; r++)
        {
            if (targets[r] == CrossEntropy.Ignored) continue;
            ReadOnlySpan<double> row = logits.AsSpan(r * classes, classes);
            double max = double.NegativeInfinity, sum = 0;
            foreach (double x in row) max = Math.Max(max, x);
            foreach (double x in row) sum += Math.Exp(x - max);
            loss += Math.Log(sum) + max - row[(int)targets[r]];
        }
        return loss / normalizer;
    }

    /// <summary>(softmax − one-hot) / normalizer, and zeros where ignored.</summary>
    private static double[] PlainGradient(double[] logits, long[] targets, double normalizer)
    {
        int classes = logits.Length / targets.Length;
        var gradient = new double[logits.Length];
        for (int r = 0; r < targets.Length; r++)
        {
            if (targets[r] == CrossEntropy.Ignored) continue;
            double[] row = logits[(r * classes)..((r + 1) * classes)];
            double max = row.Max(), sum = row.Sum(x => Math.Exp(x - max));
            for (int c = 0; c < classes; c++) gradient[r * classes + c] = (Math.Exp(row[c] - max) / sum - (c == targets[r] ? 1 : 0)) / normalizer;
        }
        return gradient;
    }

    /// <summary>The loss and the gradient of a leaf whose copy goes into the kernel.</summary>
    private static (double Loss, double[] Gradient) Run(Tensor logits, Tensor targets, double normalizer = Normalizer, double factor = 1)
    {
        Tensor leaf = Leaf(logits, logits.dtype);
        Tensor loss = CrossEntropy.Apply(leaf.clone(), targets, normalizer);
        Assert.Equal(ScalarType.Float32, loss.dtype);
        (loss * factor).backward();
        return (loss.item<float>(), Doubles(leaf.grad!));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 5)]
    [InlineData(3, 16)]
    [InlineData(17, 37)]
    [InlineData(19, 257)]
    [InlineData(1031, 19)]
    public void Apply_Float32_IsTheFormulaAndItsGradient(long rows, long classes)
    {
        Tensor logits = Normal([rows, classes], 3, 3), targets = Targets(rows, classes);

        var (loss, gradient) = Run(logits, targets);

        double[] x = Doubles(logits);
        long[] y = targets.data<long>().ToArray();
        Assert.Equal(Plain(x, y, Normalizer), loss, 16 * Float32Rounding * Math.Max(rows / Normalizer, loss));
        // Next to a probability near 1 its distance from 1 is known to the roundings of 1.
        AssertClose(PlainGradient(x, y, Normalizer), gradient, classes, 16 * Float32Rounding, "gradient", least: 1 / Normalizer);
    }

    [Fact]
    public void Apply_Float32_HasTheGradientOfDifferences()
    {
        Tensor logits = Normal([7, 19], 3, 3), targets = Targets(7, 19);
        double[] x = Doubles(logits), differences = new double[x.Length];
        long[] y = targets.data<long>().ToArray();
        for (int i = 0; i < x.Length; i++)
        {
            double at = x[i];
            x[i] = at + 1e-5;
            double above = Plain(x, y, Normalizer);
            x[i] = at - 1e-5;
            differences[i] = (above - Plain(x, y, Normalizer)) / 2e-5;
            x[i] = at;
        }

        AssertClose(differences, Run(logits, targets).Gradient, 19, 16 * Float32Rounding, "gradient");
    }

    [Fact]
    public void Apply_BFloat16_IsFloat32Rounded()
    {
        Tensor logits = Normal([67, 257], 3, 3).to(ScalarType.BFloat16), targets = Targets(67, 257);

        var (expected, expectedGradient) = Run(logits.to(ScalarType.Float32), targets);
        var (loss, gradient) = Run(logits, targets);

        Assert.Equal(expected, loss);   // the loss is not rounded
        AssertClose(expectedGradient, gradient, 257, BFloat16Rounding, "gradient");
    }

    [Fact]
    public void Apply_FactorBehindTheLoss_ScalesTheGradient()
    {
        Tensor logits = Normal([7, 19], 3), targets = Targets(7, 19);
        double[] gradient = Run(logits, targets).Gradient;

        Assert.Equal(gradient.Select(g => g * 0.25), Run(logits, targets, factor: 0.25).Gradient);
        Assert.Equal(gradient.Select(g => g * 4), Run(logits, targets, Normalizer / 4).Gradient);
    }

    [Fact]
    public void Apply_BackwardTwice_GivesTheSameGradientTwice()
    {
        Tensor leaf = Leaf(Normal([7, 19], 3), ScalarType.Float32);
        Tensor loss = CrossEntropy.Apply(leaf.clone(), Targets(7, 19), Normalizer) * 0.5;
        loss.backward([ones_like(loss)], retain_graph: true);
        double[] once = Doubles(leaf.grad!);

        loss.backward();

        Assert.Equal(once.Select(g => 2 * g), Doubles(leaf.grad!));
    }

    [Fact]
    public void Apply_GradientWanted_OverwritesResultsButNotLeaves()
    {
        Kernels.SkipWithoutKernels();
        Tensor leaf = Leaf(Normal([7, 19], 3), ScalarType.Float32), targets = Targets(7, 19);
        double[] before = Doubles(leaf);
        Tensor logits = leaf.clone();

        float loss = CrossEntropy.Apply(logits, targets, Normalizer).item<float>();
        Assert.NotEqual(before, Doubles(logits));

        Tensor untouched = leaf.clone();
        using (no_grad()) Assert.Equal(loss, CrossEntropy.Apply(untouched, targets, Normalizer).item<float>());
        Assert.Equal(before, Doubles(untouched));

        Tensor ofLeaf = CrossEntropy.Apply(leaf, targets, Normalizer);
        Assert.Equal(loss, ofLeaf.item<float>(), 1e-6f);
        Assert.Equal(before, Doubles(leaf));
        ofLeaf.backward();
        AssertClose(PlainGradient(before, targets.data<long>().ToArray(), Normalizer), Doubles(leaf.grad!), 19, 16 * Float32Rounding, "gradient");
    }

    [Fact]
    public void Apply_AllIgnored_IsZeroWithZeroGradient()
    {
        var (loss, gradient) = Run(Normal([7, 19], 3), full([7], CrossEntropy.Ignored, dtype: ScalarType.Int64));

        Assert.Equal(0, loss);
        Assert.All(gradient, g => Assert.Equal(0, g));
    }

    [Fact]
    public void Apply_MicroBatches_AddUpToTheWhole()
    {
        Tensor logits = Normal([7, 19], 3), targets = Targets(7, 19);
        var (loss, gradient) = Run(logits, targets);

        var first = Run(logits.narrow(0, 0, 3).clone(), targets.narrow(0, 0, 3).clone());
        var second = Run(logits.narrow(0, 3, 4).clone(), targets.narrow(0, 3, 4).clone());

        Assert.Equal(loss, first.Loss + second.Loss, 1e-6);
        double[] together = [.. first.Gradient, .. second.Gradient];
        Assert.Equal(gradient, together);
    }

    [Theory]
    [InlineData(float.NaN, 19)]
    [InlineData(float.NaN, 3)]
    [InlineData(float.PositiveInfinity, 19)]
    public void Apply_LogitThatIsNotANumber_GivesALossThatIsNone(float value, int column)
    {
        foreach (ScalarType type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
        {
            Tensor logits = Normal([3, 21], 3).to(type);
            logits[1, column] = value;

            var (loss, gradient) = Run(logits, tensor(new long[] { 1, 2, 3 }));

            Assert.True(double.IsNaN(loss));
            Assert.All(gradient[21..42], g => Assert.True(double.IsNaN(g)));
            Assert.All(gradient[..21], g => Assert.True(double.IsFinite(g)));
        }
    }

    [Fact]
    public void Apply_LogitsOfMinusInfinity_HaveNoPart()
    {
        Tensor logits = Normal([1, 37], 3);
        Tensor few = logits.narrow(1, 0, 5).clone();
        logits.narrow(1, 5, 32).fill_(float.NegativeInfinity);
        Tensor targets = tensor(new long[] { 2 });

        var (expected, expectedGradient) = Run(few, targets);
        var (loss, gradient) = Run(logits, targets);

        Assert.Equal(expected, loss, 1e-6);
        AssertClose(expectedGradient, gradient[..5], 5, 16 * Float32Rounding, "gradient");
        Assert.All(gradient[5..], g => Assert.Equal(0, g));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Apply_TargetThatIsNoClass_Throws(bool leaf)
    {
        Tensor targets = Targets(7, 19);
        targets[3] = 19;
        Tensor logits = Leaf(Normal([7, 19], 3), ScalarType.Float32);

        var e = Assert.Throws<ArgumentException>(() => CrossEntropy.Apply(leaf ? logits : logits.clone(), targets, Normalizer));

        Assert.Equal("The target at position 3 is 19; it must be a class from 0 to 18, or -100 for none. (Parameter 'targets')", e.Message);
        targets[3] = -1;
        Assert.Throws<ArgumentException>(() => CrossEntropy.Apply(leaf ? logits : logits.clone(), targets, Normalizer));
    }

    [Fact]
    public void Apply_InputsThatDoNotFit_Throws()
    {
        Tensor logits = zeros([3, 7]);

        Assert.Equal("logits (3, 7) must be (N, V) and targets (5) (N). (Parameter 'targets')",
            Assert.Throws<ArgumentException>(() => CrossEntropy.Apply(logits, Targets(5, 7), 1)).Message);
        Assert.Equal("targets must be 64-bit integers, not Int32. (Parameter 'targets')",
            Assert.Throws<ArgumentException>(() => CrossEntropy.Apply(logits, zeros([3], dtype: ScalarType.Int32), 1)).Message);
        Assert.Equal("normalizer", Assert.Throws<ArgumentOutOfRangeException>(() => CrossEntropy.Apply(logits, Targets(3, 7), 0)).ParamName);
        Assert.Throws<ArgumentOutOfRangeException>(() => CrossEntropy.Apply(logits, Targets(3, 7), double.NaN));
    }

    [Fact]
    public void Apply_TwoThreads_GivesTheSameBits()
    {
        Tensor logits = Normal([331, 67], 3), targets = Targets(331, 67);
        int before = get_num_threads();
        try
        {
            set_num_threads(1);
            var one = Run(logits, targets);
            set_num_threads(2);
            var two = Run(logits, targets);
            Assert.Equal(one.Loss, two.Loss);
            Assert.Equal(one.Gradient, two.Gradient);
        }
        finally
        {
            set_num_threads(before);
        }
    }

    [Fact]
    public void Apply_ForwardAndBackward_LeavesNoTensor()
    {
        Tensor logits = Normal([67, 37], 3), targets = Targets(67, 37);
        long before = LiveTensors.Count();
        for (int i = 0; i < 3; i++)
        {
            using DisposeScope scope = NewDisposeScope();
            Run(logits, targets);
        }
        Assert.Equal(before, Tensor.TotalCount);
    }
}
