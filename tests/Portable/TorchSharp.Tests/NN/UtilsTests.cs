using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Tests.NN;

public class UtilsTests
{
    private static Parameter WithGradient(params float[] gradient)
    {
        var p = new Parameter(zeros(gradient.Length));
        p.grad = tensor(gradient);
        return p;
    }

    [Fact]
    public void ClipGradNorm_AboveTheMaximum_ScalesAllAlike()
    {
        using var scope = NewDisposeScope();
        Parameter a = WithGradient(3, 0), b = WithGradient(0, 4, 12), unused = new(zeros(2));
        double norm = nn.utils.clip_grad_norm_([a, unused, b], 6.5);
        Assert.Equal(13, norm, 1e-5);
        Reference.Close([1.5, 0], a.grad!);
        Reference.Close([0, 2, 6], b.grad!);
        Assert.Null(unused.grad);
    }

    [Fact]
    public void ClipGradNorm_BelowTheMaximum_ChangesNothing()
    {
        using var scope = NewDisposeScope();
        Parameter a = WithGradient(3, -4);
        Assert.Equal(5, nn.utils.clip_grad_norm_([a], 7), 1e-5);
        Assert.Equal([3f, -4f], a.grad!.data<float>().ToArray());
        Assert.Equal(0, nn.utils.clip_grad_norm_([], 1));
    }

    [Theory]
    [InlineData(1, 7)]
    [InlineData(double.PositiveInfinity, 4)]
    public void ClipGradNorm_OtherNorms(double p, double expected)
    {
        using var scope = NewDisposeScope();
        Parameter a = WithGradient(3), b = WithGradient(-4);
        Assert.Equal(expected, nn.utils.clip_grad_norm_([a, b], 1, p), 1e-5);
        Reference.Close([3 / expected], a.grad!, 1e-5);
    }

    [Fact]
    public void ClipGradValue_LimitsEachElement()
    {
        using var scope = NewDisposeScope();
        Parameter a = WithGradient(3, -4, 0.5f);
        nn.utils.clip_grad_value_([a], 2);
        Assert.Equal([2f, -2f, 0.5f], a.grad!.data<float>().ToArray());
    }

    [Fact]
    public void Vector_ToAndFrom_KeepsTheValues()
    {
        using var scope = NewDisposeScope();
        using Linear linear = nn.Linear(3, 5);
        Tensor vector = nn.utils.parameters_to_vector(linear.parameters());
        Assert.Equal([20L], vector.shape);
        Assert.True(vector[15..].Same(linear.bias!));
        Tensor other = (vector * 2).detach();
        nn.utils.vector_to_parameters(other, linear.parameters());
        Assert.True(linear.weight.Same(other[..15].view(5, 3)));
        Assert.True(linear.bias!.Same(other[15..]));
        Assert.True(linear.weight.requires_grad);
    }
}
