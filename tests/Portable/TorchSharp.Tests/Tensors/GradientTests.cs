using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharp.Tests.Tensors;

/// <summary>Gradients against central differences in double precision.</summary>
public sealed class GradientTests
{
    // Inputs are 3 × 5 numbers between 0.2 and 0.9, where every function below is smooth.
    private static readonly Dictionary<string, Func<Tensor, Tensor>> s_functions = new()
    {
        ["+ - * /"] = x => (x + x * 2 - 3 / x) / (1 - x * x),
        ["pow"] = x => x.pow(x) + x.pow(3),
        ["exp log"] = x => x.exp() * x.log() + x.log1p() * x.expm1() + x.exp2() - x.log2() + x.log10(),
        ["sqrt"] = x => x.sqrt() + x.rsqrt() + x.reciprocal() + x.square(),
        ["trigonometry"] = x => x.sin() * x.cos() + x.tan() + x.asin() + x.acos() + x.atan() + x.sinc(),
        ["hyperbolic"] = x => x.sinh() * x.cosh() + x.tanh() + x.asinh() + x.atanh() + (x + 1).acosh(),
        ["error functions"] = x => x.erf() + x.erfc() * x.erfinv(),
        ["gamma functions"] = x => x.lgamma() + x.digamma() + x.polygamma(1),
        ["sigmoid"] = x => x.sigmoid() + x.log_sigmoid() + x.logit() + x.softplus(),
        ["gates"] = x => x.silu() + x.gelu() + x.elu() + x.celu() + x.selu() + x.hardswish() + x.leaky_relu(0.1),
        ["atan2 hypot"] = x => x.atan2(x * x) + x.hypot(x.sin()),
        ["lerp"] = x => x.lerp(x * x, x.sin()),
        ["addcmul addcdiv"] = x => x.addcmul(x, x.sin(), 2) + x.addcdiv(x, x.cos(), 3),
        ["logaddexp"] = x => x.logaddexp(x * x) + x.logaddexp2(x.sin()) + x.xlogy(x),
        ["sum mean"] = x => x.sum(dim: 0) * x.mean([0]) + x.prod(dim: 0),
        ["std var"] = x => x.std(1) + x.var(1),
        ["norm"] = x => x.norm(1) + x.norm() + x.logsumexp(1) + linalg.vector_norm(x, 3),
        ["max"] = x => x.max(1).values + x.amin(1) + x.topk(1, 1).values.sum(1),
        ["cumulative"] = x => x.cumsum(1) * x.cumprod(0) + x.logcumsumexp(1),
        ["softmax"] = x => x.softmax(1) + x.log_softmax(0),
        ["matmul"] = x => x.matmul(x.t()).mm(x),
        ["addmm"] = x => x.addmm(x.matmul(x.t()), x, 0.5f, 2),
        ["einsum"] = x => einsum("ij,kj,kl->il", x, x, x),
        ["bmm"] = x => x.view(1, 3, 5).bmm(x.view(1, 5, 3)).view(3, 3),
        ["solve"] = x => linalg.solve(x.matmul(x.t()) + eye(3, dtype: ScalarType.Float64), x),
        ["det inv"] = x => (x.matmul(x.t()) + eye(3, dtype: ScalarType.Float64)).inverse().det() + linalg.slogdet(x.matmul(x.t()) + eye(3, dtype: ScalarType.Float64)).Item2,
        ["cholesky"] = x => linalg.cholesky(x.matmul(x.t()) + eye(3, dtype: ScalarType.Float64)),
        ["shapes"] = x => x.reshape(5, 3).t().flip(0).roll(1, 1).repeat(2, 1).narrow(0, 1, 4).tril(),
        ["permute"] = x => x.view(1, 3, 5).permute(2, 0, 1).transpose(0, 2).unsqueeze(1).squeeze() * 2,
        ["expand"] = x => x.unsqueeze(0).expand(2, 3, 5).unbind(0)[1] * x.unfold(1, 5, 1).squeeze(1),
        ["split cat"] = x => cat([.. x.split(2, 1), x.chunk(2, 1)[0]], 1) * 3,
        ["stack"] = x => stack([x, x.sin()], 1).select(1, 1) + vstack([x, x]).slice(0, 0, 3, 1),
        ["gather"] = x => x.gather(1, tensor(new long[,] { { 0, 4 }, { 2, 2 }, { 1, 3 } })),
        ["scatter"] = x => x.scatter_add(1, tensor(new long[,] { { 0, 4 }, { 2, 2 }, { 1, 3 } }), x.narrow(1, 0, 2).sin()),
        ["index"] = x => x.index_select(1, tensor(new long[] { 0, 2, 2 })) + x.index_add(0, tensor(new long[] { 1 }), x.narrow(0, 0, 1), 2).narrow(1, 0, 3),
        ["mask"] = x => x.masked_fill(x > 0.5, 0.1) + where(x > 0.4, x.sin(), x.cos()),
        ["in place"] = x => (x * 2).add_(x).mul_(x).sub_(1).div_(x).clamp_(-5, 5).exp_(),
        ["clamp"] = x => x.clamp(0.0, 1.0) + x.maximum(x * x) + x.minimum(x.sin()) + x.abs() + x.relu(),
        ["sort"] = x => x.sort(1).Values * arange(5, dtype: ScalarType.Float64),
        ["cdist"] = x => cdist(x, x * x + 2),
    };

    public static readonly TheoryData<string> Names = new(s_functions.Keys);

    [Theory]
    [MemberData(nameof(Names))]
    public void Backward_SmoothFunction_EqualsCentralDifferences(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        Func<Tensor, Tensor> function = s_functions[name];
        using Generator generator = new(47);
        Tensor x = rand([3, 5], ScalarType.Float64, generator: generator) * 0.7 + 0.2;
        Tensor weights = rand(function(x).shape, ScalarType.Float64, generator: generator);
        Func<Tensor, Tensor> loss = t => (function(t) * weights).sum();

        Tensor leaf = x.clone().requires_grad_();
        loss(leaf).backward();
        double[] gradient = leaf.grad!.contiguous().data<double>().ToArray();

        double[] start = x.data<double>().ToArray();
        const double Step = 1e-6;
        for (int i = 0; i < start.Length; i++)
        {
            using DisposeScope inner = NewDisposeScope();
            double At(double offset)
            {
                double[] moved = [.. start];
                moved[i] += offset;
                return loss(tensor(moved, [3, 5])).item<double>();
            }
            double difference = (At(Step) - At(-Step)) / (2 * Step);
            Assert.True(Math.Abs(difference - gradient[i]) <= 1e-6 * Math.Max(1, Math.Abs(difference)), $"{name}: element {i} is {gradient[i]:R}, not {difference:R}");
        }
    }
}
