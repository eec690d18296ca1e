using PreTrain.Distillation;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Distillation;

public sealed class DistillationLossesTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static double[] Softmax(IEnumerable<double> scores, double temperature)
    {
        double[] powers = [.. scores.Select(score => Math.Exp(score / temperature))];
        return [.. powers.Select(power => power / powers.Sum())];
    }

    private static double Kl(double[] p, double[] q) => p.Zip(q, (a, b) => a == 0 ? 0 : a * Math.Log(a / b)).Sum();

    /// <summary>The gradient that autograd finds, and the difference of the function on both sides of each value.</summary>
    private static void AssertGradient(Tensor student, Func<Tensor, Tensor> loss)
    {
        const double Step = 1e-5;
        loss(student).sum().backward();
        double[] values = Doubles(student), found = Doubles(student.grad!);
        using IDisposable mode = no_grad();
        for (int i = 0; i < values.Length; i++)
        {
            double At(double value)
            {
                double[] changed = [.. values];
                changed[i] = value;
                return loss(tensor(changed, student.shape)).sum().item<double>();
            }
            Assert.Equal((At(values[i] + Step) - At(values[i] - Step)) / (2 * Step), found[i], 1e-7);
        }
    }

    [Theory]
    [InlineData(DistillationDivergence.ForwardKl, 1)]
    [InlineData(DistillationDivergence.ForwardKl, 3.5)]
    [InlineData(DistillationDivergence.ReverseKl, 2)]
    [InlineData(DistillationDivergence.SymmetricKl, 1.3)]
    [InlineData(DistillationDivergence.JensenShannon, 0.7)]
    public void Soft_Scores_IsTheFormulaAndItsGradient(DistillationDivergence divergence, double temperature)
    {
        Tensor student = Leaf(Normal([5, 7], 1, 2), ScalarType.Float64), teacher = Normal([5, 7], 2, 2).to(ScalarType.Float64);

        double[] actual = Doubles(DistillationLosses.Soft(student, DistillationLosses.Logs(teacher, temperature), temperature, divergence));

        double[] own = Doubles(student), theirs = Doubles(teacher);
        for (int row = 0; row < 5; row++)
        {
            double[] q = Softmax(own.Skip(row * 7).Take(7), temperature), p = Softmax(theirs.Skip(row * 7).Take(7), temperature), m = [.. p.Zip(q, (a, b) => (a + b) / 2)];
            double expected = divergence switch
            {
                DistillationDivergence.ForwardKl => Kl(p, q),
                DistillationDivergence.ReverseKl => Kl(q, p),
                DistillationDivergence.SymmetricKl => (Kl(p, q) + Kl(q, p)) / 2,
                _ => (Kl(p, m) + Kl(q, m)) / 2,
            };
            Assert.Equal(temperature * temperature * expected, actual[row], 1e-12);
        }
        AssertGradient(student, x => DistillationLosses.Soft(x, DistillationLosses.Logs(teacher, temperature), temperature, divergence));
    }

    [Fact]
    public void Hidden_States_IsTheFormulaAndItsGradient()
    {
        Tensor student = Leaf(Normal([2, 3, 5], 1), ScalarType.Float64), teacher = Normal([2, 3, 5], 2).to(ScalarType.Float64);

        double[] actual = Doubles(DistillationLosses.Hidden(student, teacher)), own = Doubles(student), theirs = Doubles(teacher);

        for (int token = 0; token < 6; token++)
            Assert.Equal(Enumerable.Range(token * 5, 5).Sum(i => Math.Pow(own[i] - theirs[i], 2)) / 5, actual[token], 1e-12);
        AssertGradient(student, x => DistillationLosses.Hidden(x, teacher));
    }

    [Fact]
    public void Cosine_States_IsTheFormulaAndItsGradient()
    {
        Tensor student = Leaf(Normal([2, 3, 5], 1), ScalarType.Float64), teacher = Normal([2, 3, 5], 2).to(ScalarType.Float64);

        double[] actual = Doubles(DistillationLosses.Cosine(student, teacher)), own = Doubles(student), theirs = Doubles(teacher);

        for (int token = 0; token < 6; token++)
        {
            int[] at = [.. Enumerable.Range(token * 5, 5)];
            Assert.Equal(1 - at.Sum(i => own[i] * theirs[i]) / Math.Sqrt(at.Sum(i => own[i] * own[i]) * at.Sum(i => theirs[i] * theirs[i])), actual[token], 1e-12);
        }
        AssertGradient(student, x => DistillationLosses.Cosine(x, teacher));
    }

    [Fact]
    public void Attention_Weights_IsTheFormulaAndItsGradient()
    {
        Tensor student = Leaf(Normal([2, 3, 5, 5], 1).softmax(-1), ScalarType.Float64), teacher = Normal([2, 3, 5, 5], 2).softmax(-1).to(ScalarType.Float64);
        Tensor keys = tensor(new long[] { 5, 4 });

        double[] actual = Doubles(DistillationLosses.Attention(student, teacher, keys)), own = Doubles(student), theirs = Doubles(teacher);

        for (int b = 0; b < 2; b++)
        {
            for (int t = 0; t < 5; t++)
            {
                double sum = 0;
                for (int h = 0; h < 3; h++)
                    for (int s = 0; s < 5; s++) sum += Math.Pow(own[((b * 3 + h) * 5 + t) * 5 + s] - theirs[((b * 3 + h) * 5 + t) * 5 + s], 2);
                Assert.Equal(sum / (3 * (b == 0 ? 5 : 4)), actual[b * 5 + t], 1e-12);
            }
        }
        AssertGradient(student, x => DistillationLosses.Attention(x, teacher, keys));
    }

    [Fact]
    public void Relation_WeightsWithHiddenKeys_IsTheFormulaAndItsGradient()
    {
        Tensor seen = ones([5, 5], dtype: ScalarType.Bool).tril();
        Tensor Weights(int seed) => Normal([2, 3, 5, 5], seed).masked_fill(seen.logical_not(), double.NegativeInfinity).softmax(-1).to(ScalarType.Float64);
        Tensor teacher = Weights(2), scores = Leaf(Normal([2, 3, 5, 5], 1), ScalarType.Float64);
        Tensor Student(Tensor x) => x.masked_fill(seen.logical_not(), double.NegativeInfinity).softmax(-1);

        double[] actual = Doubles(DistillationLosses.Relation(Student(scores), teacher)), own = Doubles(Student(scores)), theirs = Doubles(teacher);

        for (int b = 0; b < 2; b++)
        {
            for (int t = 0; t < 5; t++)
            {
                double sum = 0;
                for (int h = 0; h < 3; h++)
                {
                    int first = ((b * 3 + h) * 5 + t) * 5;
                    sum += Kl(theirs[first..(first + 5)], own[first..(first + 5)]);
                }
                Assert.Equal(sum / 3, actual[b * 5 + t], 1e-12);
            }
        }
        AssertGradient(scores, x => DistillationLosses.Relation(Student(x), teacher));
    }

    [Fact]
    public void ValueRelation_SequencesOfDifferentLengths_IsTheFormulaAndItsGradient()
    {
        Tensor student = Leaf(Normal([2, 3, 5, 4], 1), ScalarType.Float64), teacher = Normal([2, 3, 5, 7], 2).to(ScalarType.Float64);   // heads of other widths
        Tensor isToken = tensor(new[] { true, true, true, true, true, true, true, true, false, false }, [2, 5]);

        double[] actual = Doubles(DistillationLosses.ValueRelation(student, teacher, isToken));

        for (int b = 0; b < 2; b++)
        {
            int length = b == 0 ? 5 : 3;
            for (int t = 0; t < length; t++)
            {
                double sum = Enumerable.Range(0, 3).Sum(h => Kl(Alike(teacher, b, h, t, length), Alike(student, b, h, t, length)));
                Assert.Equal(sum / 3, actual[b * 5 + t], 1e-12);
            }
        }
        AssertGradient(student, x => DistillationLosses.ValueRelation(x, teacher, isToken) * isToken);

        static double[] Alike(Tensor values, int b, int h, int t, int length)
        {
            double[] all = Doubles(values);
            int width = (int)values.size(3);
            double[] Of(int token) => all[(((b * 3 + h) * 5 + token) * width)..(((b * 3 + h) * 5 + token + 1) * width)];
            return Softmax(Enumerable.Range(0, length).Select(s => Of(t).Zip(Of(s), (x, y) => x * y).Sum()), Math.Sqrt(width));
        }
    }
}
