using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Tests.NN;

/// <summary>These count live tensors, so nothing else may run beside them.</summary>
[Collection(nameof(ModuleLifetimeTests))]
[CollectionDefinition(nameof(ModuleLifetimeTests), DisableParallelization = true)]
public class ModuleLifetimeTests
{
    private sealed class Pair : nn.Module<Tensor, Tensor>
    {
        public readonly Linear first = nn.Linear(3, 5);
        public readonly Sequential rest = nn.Sequential(nn.GELU(), nn.BatchNorm1d(5), nn.Dropout(0.1), nn.Linear(5, 2));
        public readonly ModuleList<Linear> list = new(nn.Linear(2, 2));
        public readonly Tensor buffer = ones(3);

        public Pair() : base(nameof(Pair)) => RegisterComponents();

        public override Tensor forward(Tensor input)
        {
            using Tensor x = first.call(input);
            using Tensor y = rest.call(x);
            return list[0].call(y);
        }
    }

    private static long Live()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        return Tensor.TotalCount;
    }

    [Fact]
    public void Dispose_Tree_LeavesNoTensor()
    {
        Package.Skip("some modules leave tensors to the finalizer");
        long before = Live();
        var pair = new Pair();
        Assert.Equal(before + 2 + 2 + 3 + 2 + 2 + 1, Tensor.TotalCount);
        pair.Dispose();
        pair.Dispose();
        Assert.Equal(before, Tensor.TotalCount);
        Assert.True(pair.first.weight.IsInvalid);
    }

    [Fact]
    public void Dispose_AfterConversionAndTraining_LeavesNoTensor()
    {
        Package.Skip("some modules leave tensors to the finalizer");
        long before = Live();
        using (var pair = new Pair())
        {
            long own = Tensor.TotalCount;
            for (int i = 0; i < 3; i++)
            {
                using Tensor x = randn(7, 3), y = pair.call(x), loss = y.sum();
                loss.backward();
            }
            Assert.Equal(own, Tensor.TotalCount);
            pair.to(ScalarType.Float64);
            Assert.Equal(own, Tensor.TotalCount);
            pair.zero_grad();
            Assert.Equal(own, Tensor.TotalCount);
        }
        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void Scope_ModuleMadeInside_OutlivesIt()
    {
        Package.Skip("some modules leave tensors to the finalizer");
        long before = Live();
        Linear linear;
        Embedding embedding;
        LayerNorm norm;
        BatchNorm1d batch;
        using (NewDisposeScope())
        {
            linear = nn.Linear(3, 5);
            embedding = nn.Embedding(3, 5);
            norm = nn.LayerNorm(5);
            batch = nn.BatchNorm1d(5);
        }
        Assert.False(linear.weight.IsInvalid || linear.bias!.IsInvalid || embedding.weight!.IsInvalid || norm.weight.IsInvalid || batch.running_mean!.IsInvalid);
        linear.Dispose();
        embedding.Dispose();
        norm.Dispose();
        batch.Dispose();
        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void Parameter_OfTensorInScope_TakesItsPlace()
    {
        long before = Live();
        Parameter inside, outside;
        using (var scope = NewDisposeScope())
        {
            Tensor data = ones(3);
            inside = nn.Parameter(data);
            Assert.True(data.IsInvalid);
            Assert.True(scope.Contains(inside));
            Assert.True(inside.requires_grad);
            outside = new Parameter(ones(3).DetachFromDisposeScope(), requires_grad: false);
            Assert.False(scope.Contains(outside));
            Assert.False(outside.requires_grad);
        }
        Assert.True(inside.IsInvalid);
        Assert.False(outside.IsInvalid);
        Package.Skip("a parameter leaves the count of its tensor behind");
        outside.Dispose();
        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void Sequential_Forward_DisposesWhatLiesBetween()
    {
        using Sequential net = nn.Sequential(nn.Linear(3, 5), nn.Identity(), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 2));
        using Tensor x = ones(7, 3);
        long before = Live();
        using Tensor y = net.call(x);
        Assert.Equal(before + 1, Tensor.TotalCount);
        Assert.False(x.IsInvalid);
    }

    [Fact]
    public void Functionals_Composed_LeaveOnlyTheirResult()
    {
        Package.Skip("some functions leave temporaries behind");
        using Tensor x = randn(3, 5), y = randn(3, 5), variance = ones(3, 5), image = randn(2, 3, 5, 7), labels = ones(3, 5);
        using Tensor q = randn(2, 3, 5), mask = ones(3, 3, ScalarType.Bool);
        Func<Tensor>[] functions =
        [
            () => nn.functional.softsign(x), () => nn.functional.tanhshrink(x), () => nn.functional.softmin(x, 1), () => nn.functional.normalize(x),
            () => nn.functional.gaussian_nll_loss(x, y, variance, full: true), () => nn.functional.multilabel_soft_margin_loss(x, labels),
            () => nn.functional.triplet_margin_with_distance_loss(x, y, labels, swap: true), () => nn.functional.local_response_norm(image, 3),
            () => nn.functional.adaptive_max_pool2d(image, [2, 2]), () => nn.functional.dropout1d(x),
            () => nn.functional.scaled_dot_product_attention(q, q, q, mask), () => nn.functional.scaled_dot_product_attention(q, q, q, is_casual: true, p: 0.5),
        ];
        long before = Live();
        foreach (Func<Tensor> f in functions)
        {
            f().Dispose();
            Assert.Equal(before, Tensor.TotalCount);
        }
    }
}
