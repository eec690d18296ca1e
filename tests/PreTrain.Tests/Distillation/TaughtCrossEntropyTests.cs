using PreTrain.Distillation;
using PreTrain.Tests.Modules;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Distillation;

[Collection(nameof(RunsAlone))]
public sealed class TaughtCrossEntropyTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public TaughtCrossEntropyTests() => Kernels.SkipWithoutKernels();

    public void Dispose() => _scope.Dispose();

    private static Tensor Targets(long rows, long classes)
    {
        using var generator = new Generator(11);
        return randint(0, classes, [rows], dtype: ScalarType.Int64, generator: generator);
    }

    /// <summary>The loss and the gradient of a leaf whose copy goes into the kernel.</summary>
    private static (double Loss, double[] Gradient) Run(Tensor student, Tensor teacher, Tensor targets, double temperature, double soft, double hard, double factor = 1)
    {
        Tensor leaf = Leaf(student, student.dtype), scores = leaf.clone();
        Assert.True(TaughtCrossEntropy.Fits(scores, teacher, targets));
        Tensor loss = TaughtCrossEntropy.Apply(scores, teacher, targets, temperature, soft, hard);
        Assert.Equal(ScalarType.Float32, loss.dtype);
        (loss * factor).backward();
        return (loss.item<float>(), Doubles(leaf.grad!));
    }

    /// <summary>The same by operators, in 64 bits.</summary>
    private static (double Loss, double[] Gradient) Slow(Tensor student, Tensor teacher, Tensor targets, double temperature, double soft, double hard)
    {
        Tensor leaf = Leaf(student, ScalarType.Float64);
        Tensor taught = DistillationLosses.Soft(leaf, DistillationLosses.Logs(teacher.to(ScalarType.Float64), temperature), temperature, DistillationDivergence.ForwardKl).sum();
        Tensor loss = taught * soft + nn.functional.cross_entropy(leaf, targets, reduction: nn.Reduction.Sum) * hard;
        loss.backward();
        return (loss.item<double>(), Doubles(leaf.grad!));
    }

    [Theory]
    [InlineData(1, 1, 1, 1, 1)]
    [InlineData(1, 5, 2, 0.5, 0.25)]
    [InlineData(3, 16, 1, 1, 0)]
    [InlineData(17, 37, 0.7, 0.1, 0.9)]
    [InlineData(19, 257, 4, 0.03, 0.01)]
    [InlineData(1031, 19, 2.5, 0.001, 0)]
    [InlineData(5, 4099, 2, 0, 1)]
    public void Apply_Float32_IsTheFormulasAndTheirGradient(long rows, long classes, double temperature, double soft, double hard)
    {
        Tensor student = Normal([rows, classes], 3, 3), teacher = Normal([rows, classes], 4, 3), targets = Targets(rows, classes);

        var (loss, gradient) = Run(student, teacher, targets, temperature, soft, hard);

        var (expected, expectedGradient) = Slow(student, teacher, targets, temperature, soft, hard);
        double size = (soft * temperature * temperature) + hard;
        Assert.Equal(expected, loss, 32 * Float32Rounding * Math.Max(rows * size, expected));
        AssertClose(expectedGradient, gradient, classes, 32 * Float32Rounding, "gradient", least: (soft * temperature) + hard);
    }

    [Theory]
    [InlineData(ScalarType.BFloat16, ScalarType.BFloat16)]
    [InlineData(ScalarType.BFloat16, ScalarType.Float32)]
    [InlineData(ScalarType.Float32, ScalarType.BFloat16)]
    public void Apply_FewerBits_IsFloat32Rounded(ScalarType own, ScalarType taught)
    {
        Tensor student = Normal([67, 257], 3, 3).to(own), teacher = Normal([67, 257], 4, 3).to(taught), targets = Targets(67, 257);

        var (expected, expectedGradient) = Run(student.to(ScalarType.Float32), teacher.to(ScalarType.Float32), targets, 2, 0.02, 0.01);
        var (loss, gradient) = Run(student, teacher, targets, 2, 0.02, 0.01);

        Assert.Equal(expected, loss);   // the loss is not rounded
        AssertClose(expectedGradient, gradient, 257, BFloat16Rounding, "gradient");
    }

    [Fact]
    public void Apply_EqualScores_TeachNothing()
    {
        Tensor scores = Normal([7, 37], 3, 3);

        var (loss, gradient) = Run(scores, scores.clone(), Targets(7, 37), 2, 1, 0);

        Assert.Equal(0, loss, 1e-5);
        Assert.All(gradient, g => Assert.Equal(0, g, 1e-6));
    }

    [Fact]
    public void Apply_ScoresThatExclude_HaveNoPart()
    {
        Tensor student = Normal([3, 37], 3, 3), teacher = Normal([3, 37], 4, 3), targets = Targets(3, 31);
        teacher[1, 2] = float.NegativeInfinity;
        teacher[.., 33] = float.NegativeInfinity;
        student[.., 33] = float.NegativeInfinity;

        var (loss, gradient) = Run(student, teacher, targets, 2, 1, 0.5);

        Tensor ownLeast = student.clone(), taughtLeast = teacher.clone();
        ownLeast[.., 33] = -1000;
        taughtLeast[.., 33] = -1000;
        taughtLeast[1, 2] = -1000;
        var (expected, expectedGradient) = Slow(ownLeast, taughtLeast, targets, 2, 1, 0.5);
        Assert.Equal(expected, loss, 1e-5 * expected);
        AssertClose(expectedGradient, gradient, 37, 32 * Float32Rounding, "gradient", least: 2.5);
    }

    [Theory]
    [InlineData(19)]
    [InlineData(35)]
    public void Apply_ScoreThatIsNotANumber_GivesALossThatIsNone(int column)
    {
        Tensor student = Normal([3, 37], 3), teacher = Normal([3, 37], 4), targets = Targets(3, 37);
        Tensor wrong = student.clone(), wrongTeacher = teacher.clone();
        wrong[1, column] = float.NaN;
        wrongTeacher[1, column] = float.NaN;

        Assert.True(double.IsNaN(Run(wrong, teacher, targets, 2, 1, 1).Loss));
        Assert.True(double.IsNaN(Run(student, wrongTeacher, targets, 2, 1, 1).Loss));
    }

    [Fact]
    public void Apply_FactorBehindTheLoss_ScalesTheGradient()
    {
        Tensor student = Normal([7, 19], 3), teacher = Normal([7, 19], 4), targets = Targets(7, 19);

        double[] gradient = Run(student, teacher, targets, 2, 0.5, 0.25).Gradient;

        Assert.Equal(gradient.Select(g => g * 0.25), Run(student, teacher, targets, 2, 0.5, 0.25, factor: 0.25).Gradient);
    }

    [Fact]
    public void Apply_NoRows_IsZero()
    {
        var (loss, gradient) = Run(zeros(0, 19), zeros(0, 19), zeros([0], ScalarType.Int64), 2, 0.5, 0.5);

        Assert.Equal(0, loss);
        Assert.Empty(gradient);
    }

    [Theory]
    [InlineData(-100)]
    [InlineData(19)]
    public void Apply_TargetThatIsNoClass_IsNamed(long target)
    {
        Tensor scores = Leaf(Normal([3, 19], 3), ScalarType.Float32).clone();

        var error = Assert.Throws<ArgumentException>(() => TaughtCrossEntropy.Apply(scores, Normal([3, 19], 4), tensor(new long[] { 1, target, 2 }), 1, 1, 1));

        Assert.Contains($"The target at position 1 is {target}; it must be a class from 0 to 18.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Fits_LeafOrOtherShapes_IsNotTheKernels()
    {
        Tensor leaf = Leaf(Normal([3, 19], 3), ScalarType.Float32), teacher = Normal([3, 19], 4), targets = Targets(3, 19);

        Assert.True(TaughtCrossEntropy.Fits(leaf.clone(), teacher, targets));
        Assert.False(TaughtCrossEntropy.Fits(leaf, teacher, targets));
        Assert.False(TaughtCrossEntropy.Fits(leaf.clone(), Normal([3, 18], 4), targets));
        Assert.False(TaughtCrossEntropy.Fits(leaf.clone(), teacher.to(ScalarType.Float64), targets));
        Assert.False(TaughtCrossEntropy.Fits(leaf.clone(), teacher, Targets(2, 19)));
    }

    [Fact]
    public void Apply_ForwardAndBackward_LeavesNoTensors()
    {
        Tensor student = Normal([7, 19], 3), teacher = Normal([7, 19], 4), targets = Targets(7, 19);
        using (NewDisposeScope()) Run(student, teacher, targets, 2, 0.5, 0.25);
        long before = LiveTensors.Count();

        using (NewDisposeScope()) Run(student, teacher, targets, 2, 0.5, 0.25);

        Assert.Equal(before, LiveTensors.Count());
    }
}
