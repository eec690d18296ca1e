using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace TorchSharp.Tests.NN;

public class LayerTests
{
    private static Tensor Random(params long[] shape) => randn(shape, ScalarType.Float64);

    [Fact]
    public void Linear_MatchesTheLoop()
    {
        using var scope = NewDisposeScope();
        using Linear linear = nn.Linear(5, 3, dtype: ScalarType.Float64);
        Tensor x = Random(7, 5);
        double[] v = Reference.Values(x), w = Reference.Values(linear.weight), b = Reference.Values(linear.bias!), expected = new double[21];
        for (int n = 0; n < 7; n++)
            for (int o = 0; o < 3; o++)
                expected[n * 3 + o] = b[o] + Enumerable.Range(0, 5).Sum(i => v[n * 5 + i] * w[o * 5 + i]);
        Reference.Close(expected, linear.call(x), 1e-12);
        Assert.Equal((5L, 3L), (linear.in_features, linear.out_features));
        Assert.Null(nn.Linear(5, 3, hasBias: false).bias);
    }

    [Fact]
    public void Linear_NewWeight_ReplacesAndDisposesTheOld()
    {
        using Linear linear = nn.Linear(5, 3);
        Parameter before = linear.weight;
        linear.weight = new Parameter(ones(3, 5));
        Assert.True(before.IsInvalid);
        Assert.Same(linear.weight, linear.get_parameter("weight"));
        linear.weight = linear.weight;
        linear.bias = linear.bias;
        Package.Skip("a bias that is assigned to itself is disposed");
        Assert.False(linear.weight.IsInvalid || linear.bias!.IsInvalid);
        linear.bias = null;
        Assert.Equal(["weight"], linear.named_parameters().Select(p => p.name));
    }

    [Fact]
    public void Bilinear_MatchesTheLoop()
    {
        using var scope = NewDisposeScope();
        using Bilinear bilinear = nn.Bilinear(2, 3, 5, dtype: ScalarType.Float64);
        Tensor x = Random(7, 2), y = Random(7, 3);
        double[] a = Reference.Values(x), c = Reference.Values(y), w = Reference.Values(bilinear.weight), b = Reference.Values(bilinear.bias!), expected = new double[35];
        for (int n = 0; n < 7; n++)
            for (int o = 0; o < 5; o++)
            {
                expected[n * 5 + o] = b[o];
                for (int i = 0; i < 2; i++)
                    for (int j = 0; j < 3; j++) expected[n * 5 + o] += a[n * 2 + i] * w[(o * 2 + i) * 3 + j] * c[n * 3 + j];
            }
        Reference.Close(expected, bilinear.call(x, y), 1e-12);
    }

    [Fact]
    public void Embedding_LooksUpRows()
    {
        using var scope = NewDisposeScope();
        using Embedding table = nn.Embedding(7, 3, padding_idx: -5);
        Tensor x = tensor(new long[] { 6, 2, 0, 6 }, [2, 2]);
        Tensor y = table.call(x);
        Assert.Equal([2L, 2, 3], y.shape);
        Assert.True(y[1, 1].Same(table.weight![6]));
        Assert.Equal([0f, 0, 0], y[0, 1].detach().data<float>().ToArray());
        y.sum().backward();
        Assert.Equal([1f, 0, 0, 0, 0, 0, 2f], table.weight!.grad!.select(1, 0).contiguous().data<float>().ToArray());
        Package.Refuses<ArgumentException>(() => nn.Embedding(7, 3, padding_idx: 7));
    }

    [Fact]
    public void Embedding_MaxNorm_ScalesTheRowsItTouches()
    {
        using var scope = NewDisposeScope();
        using Embedding table = nn.Embedding(3, 5, max_norm: 0.5);
        using (no_grad()) table.weight!.fill_(1);
        table.call(tensor(new long[] { 1 }));
        double[] norms = Reference.Values(table.weight!.norm(1, false, 2));
        Assert.Equal(Math.Sqrt(5), norms[0], 1e-6);
        Assert.Equal(0.5, norms[1], 1e-5);
    }

    [Fact]
    public void EmbeddingFromPretrained_Frozen_SharesTheValues()
    {
        using var scope = NewDisposeScope();
        Tensor values = randn(7, 3);
        using Embedding frozen = nn.Embedding_from_pretrained(values), trained = nn.Embedding_from_pretrained(values, freeze: false);
        Package.Skip("freeze has no effect");
        Assert.False(frozen.weight!.requires_grad);
        Assert.True(trained.weight!.requires_grad);
        Assert.False(values.requires_grad);
        values[2, 1] = tensor(11f);
        Assert.Equal(11f, frozen.weight[2, 1].item<float>());
    }

    [Theory]
    [InlineData(EmbeddingBagMode.Sum)]
    [InlineData(EmbeddingBagMode.Mean)]
    [InlineData(EmbeddingBagMode.Max)]
    public void EmbeddingBag_MatrixOrOffsets_ReducesTheRows(EmbeddingBagMode mode)
    {
        using var scope = NewDisposeScope();
        using EmbeddingBag bag = nn.EmbeddingBag(7, 3, mode: mode);
        Tensor x = tensor(new long[] { 6, 2, 0, 6, 5, 1 }, [2, 3]);
        Tensor rows = F.one_hot(x, 7).to(ScalarType.Float32).matmul(bag.weight!);
        Tensor expected = mode switch { EmbeddingBagMode.Sum => rows.sum(1), EmbeddingBagMode.Mean => rows.mean([1]), _ => rows.amax([1]) };
        Assert.True(bag.call(x).allclose(expected));
        Assert.True(bag.call(x.view(-1), tensor(new long[] { 0, 3 })).allclose(expected));
        Assert.Throws<ArgumentException>(() => bag.call(x.view(-1)));
    }

    [Fact]
    public void LayerNorm_MatchesTheLoop()
    {
        using var scope = NewDisposeScope();
        using LayerNorm norm = nn.LayerNorm(5, dtype: ScalarType.Float64);
        nn.init.uniform_(norm.weight);
        nn.init.uniform_(norm.bias!);
        Tensor x = Random(3, 5);
        double[] v = Reference.Values(x), w = Reference.Values(norm.weight), b = Reference.Values(norm.bias!), expected = new double[15];
        for (int n = 0; n < 3; n++)
        {
            double mean = v[(n * 5)..(n * 5 + 5)].Average(), variance = v[(n * 5)..(n * 5 + 5)].Sum(a => (a - mean) * (a - mean)) / 5;
            for (int i = 0; i < 5; i++) expected[n * 5 + i] = (v[n * 5 + i] - mean) / Math.Sqrt(variance + 1e-5) * w[i] + b[i];
        }
        Reference.Close(expected, norm.call(x), 1e-12);
        Assert.Null(nn.LayerNorm(5, bias: false).bias);
        Assert.Empty(nn.LayerNorm(5, elementwise_affine: false).parameters());
    }

    [Fact]
    public void BatchNorm_Training_NormalizesAndTracks()
    {
        using var scope = NewDisposeScope();
        using BatchNorm1d norm = nn.BatchNorm1d(5, momentum: 0.3, dtype: ScalarType.Float64);
        Assert.Equal(["weight", "bias", "running_mean", "running_var", "num_batches_tracked"], norm.state_dict().Keys);
        Tensor x = Random(7, 5) * 2 + 3;
        Tensor mean = x.mean([0]), variance = x.var(0, unbiased: false);
        Assert.True(norm.call(x).allclose((x - mean) / (variance + 1e-5).sqrt()));
        Assert.True(norm.running_mean!.allclose(mean * 0.3));
        Assert.True(norm.running_var!.allclose(x.var(0) * 0.3 + 0.7));
        Package.Skip("num_batches_tracked takes the type of the other numbers");
        Assert.Equal(1, norm.num_batches_tracked!.item<long>());
        norm.eval();
        Assert.True(norm.call(x).allclose((x - norm.running_mean) / (norm.running_var + 1e-5).sqrt()));
        Assert.Equal(1, norm.num_batches_tracked.item<long>());
        Assert.Throws<ArgumentException>(() => norm.call(Random(2, 5, 3, 3)));
        norm.to(ScalarType.Float32);
        Assert.Equal(ScalarType.Int64, norm.num_batches_tracked.dtype);
        Assert.Equal(ScalarType.Float32, norm.running_mean.dtype);
    }

    [Fact]
    public void BatchNorm_WithoutMomentum_AveragesAllBatches()
    {
        using var scope = NewDisposeScope();
        using BatchNorm2d norm = nn.BatchNorm2d(2, dtype: ScalarType.Float64);
        norm.momentum = null;
        Tensor a = Random(3, 2, 5, 7), b = Random(3, 2, 5, 7);
        norm.call(a);
        norm.call(b);
        Assert.True(norm.running_mean!.allclose((a.mean([0, 2, 3]) + b.mean([0, 2, 3])) / 2));
    }

    [Fact]
    public void GroupNorm_OneGroupOrOneEach_IsLayerOrInstanceNorm()
    {
        using var scope = NewDisposeScope();
        Tensor x = Random(2, 6, 5);
        Package.Skip("the group norm of one group differs from the layer norm");
        Assert.True(nn.GroupNorm(1, 6, dtype: ScalarType.Float64).call(x).allclose(F.layer_norm(x, [6, 5])));
        Assert.True(nn.GroupNorm(6, 6, dtype: ScalarType.Float64).call(x).allclose(nn.InstanceNorm1d(6, dtype: ScalarType.Float64).call(x)));
        Assert.True(nn.InstanceNorm1d(6, dtype: ScalarType.Float64).call(x[0]).allclose(F.instance_norm(x)[0]));
        Assert.Throws<ArgumentException>(() => nn.GroupNorm(4, 6));
    }

    [Fact]
    public void LocalResponseNorm_MatchesTheLoop()
    {
        using var scope = NewDisposeScope();
        Tensor x = Random(2, 5, 3);
        double[] v = Reference.Values(x), expected = new double[30];
        for (int n = 0; n < 2; n++)
            for (int c = 0; c < 5; c++)
                for (int l = 0; l < 3; l++)
                {
                    double sum = 0;
                    for (int k = c - 2; k <= c + 1; k++)
                        if (k is >= 0 and < 5) sum += v[(n * 5 + k) * 3 + l] * v[(n * 5 + k) * 3 + l];
                    expected[(n * 5 + c) * 3 + l] = v[(n * 5 + c) * 3 + l] / Math.Pow(2 + 0.3 * sum / 4, 0.75);
                }
        Reference.Close(expected, nn.LocalResponseNorm(4, 0.3, 0.75, 2).call(x), 1e-12);
    }

    [Theory]
    [InlineData(1, 0, 1, 1)]
    [InlineData(2, 3, 2, 1)]
    [InlineData(1, 1, 1, 2)]
    public void Conv1d_MatchesTheLoop(int stride, int padding, int dilation, int groups)
    {
        using var scope = NewDisposeScope();
        using Conv1d conv = nn.Conv1d(4, 6, 3, stride, padding, dilation, groups: groups, dtype: ScalarType.Float64);
        Tensor x = Random(2, 4, 11);
        double[] v = Reference.Values(x), w = Reference.Values(conv.weight), b = Reference.Values(conv.bias!);
        int length = (11 + 2 * padding - dilation * 2 - 1) / stride + 1, perGroup = 4 / groups;
        var expected = new double[2 * 6 * length];
        for (int n = 0; n < 2; n++)
            for (int o = 0; o < 6; o++)
                for (int l = 0; l < length; l++)
                {
                    double sum = b[o];
                    for (int i = 0; i < perGroup; i++)
                        for (int k = 0; k < 3; k++)
                        {
                            int at = l * stride - padding + k * dilation, channel = o / (6 / groups) * perGroup + i;
                            if (at is >= 0 and < 11) sum += v[(n * 4 + channel) * 11 + at] * w[(o * perGroup + i) * 3 + k];
                        }
                    expected[(n * 6 + o) * length + l] = sum;
                }
        Reference.Close(expected, conv.call(x), 1e-12);
        Reference.Close(expected[..(6 * length)], conv.call(x[0]), 1e-12);
    }

    [Fact]
    public void Conv_SamePaddingAndModes_KeepTheSize()
    {
        using var scope = NewDisposeScope();
        Tensor x = Random(2, 3, 7, 5);
        using Conv2d same = nn.Conv2d(3, 2, (3, 5), Padding.Same, dtype: ScalarType.Float64);
        Assert.Equal([2L, 2, 7, 5], same.call(x).shape);
        Assert.True(same.call(x).allclose(F.conv2d(x, same.weight, same.bias, padding: [1, 2])));
        Package.Skip("circular padding of unequal kernels takes the axes in the wrong order");
        using Conv2d circular = nn.Conv2d(3, 2, (3, 5), Padding.Same, padding_mode: PaddingModes.Circular, dtype: ScalarType.Float64);
        Assert.True(circular.call(x).allclose(F.conv2d(F.pad(x, (2, 2, 1, 1), PaddingModes.Circular), circular.weight, circular.bias)));
        Assert.Throws<ArgumentException>(() => nn.Conv1d(3, 2, 3, Padding.Same, stride: 2));
        Assert.Throws<ArgumentException>(() => nn.Conv1d(3, 2, 3, groups: 2));
        Assert.Throws<ArgumentException>(() => same.call(Random(2, 5, 7, 5)));
    }

    [Fact]
    public void ConvTranspose_IsTheAdjointOfTheConvolution()
    {
        using var scope = NewDisposeScope();
        using ConvTranspose2d transposed = nn.ConvTranspose2d(3, 2, 3, stride: 2, padding: 1, output_padding: 1, bias: false, dtype: ScalarType.Float64);
        Tensor y = Random(1, 3, 4, 4), x = Random(1, 2, 8, 8);
        Tensor up = transposed.call(y);
        Assert.Equal([1L, 2, 8, 8], up.shape);
        Tensor down = F.conv2d(x, transposed.weight, strides: [2, 2], padding: [1, 1]);
        Assert.Equal((up * x).sum().item<double>(), (down * y).sum().item<double>(), 1e-9);
        Assert.Equal([1L, 2, 7, 8], transposed.forward(y, [7, 8]).shape);
        Assert.Throws<ArgumentException>(() => transposed.forward(y, [6, 8]));
    }

    [Fact]
    public void Pooling_MatchesTheLoop()
    {
        using var scope = NewDisposeScope();
        Tensor x = Random(1, 2, 7);
        double[] v = Reference.Values(x);
        double[] Windows(Func<IEnumerable<double>, double> f) => [.. from c in Enumerable.Range(0, 2) from l in Enumerable.Range(0, 3) select f(Enumerable.Range(0, 3).Select(k => v[c * 7 + l * 2 + k]))];
        Reference.Close(Windows(w => w.Max()), nn.MaxPool1d(3, 2).call(x), 1e-12);
        Reference.Close(Windows(w => w.Average()), nn.AvgPool1d(3, 2).call(x), 1e-12);
        var (values, indices) = nn.MaxPool1d(3, 2).forward_with_indices(x);
        Assert.True(x.gather(2, indices).Same(values));

        Tensor image = Random(2, 3, 4, 6);
        Assert.Equal([2L, 3, 2, 3], nn.MaxPool2d(2).call(image).shape);
        Assert.True(nn.AvgPool2d((2, 3)).call(image).allclose(nn.AdaptiveAvgPool2d(2).call(image)));
        Assert.True(nn.AdaptiveAvgPool1d(1).call(x).allclose(x.mean([2], keepdim: true)));
        Assert.True(F.adaptive_max_pool2d(image, [2, 3]).Same(nn.MaxPool2d((2, 2)).call(image)));
    }

    [Fact]
    public void Dropout_TrainingAndEvaluation_DifferAsTheyShould()
    {
        using var scope = NewDisposeScope();
        using Dropout dropout = nn.Dropout(0.3);
        Tensor x = ones(101, 103);
        double[] values = Reference.Values(dropout.call(x));
        Assert.All(values, v => Assert.True(v == 0 || Math.Abs(v - 1 / 0.7) < 1e-6));
        Assert.Equal(0.3, values.Count(v => v == 0) / (double)values.Length, 0.03);
        dropout.eval();
        Assert.True(dropout.call(x).Same(x));
        Package.Refuses<ArgumentException>(() => F.dropout(x, 1.5));
        F.dropout(x, 1, inplace: true);
        Assert.Equal(0, x.sum().item<float>());
    }

    [Fact]
    public void FeatureDropout_DropsWholeChannels()
    {
        using var scope = NewDisposeScope();
        Tensor one = nn.Dropout1d(0.5).call(ones(7, 31, 5)).sum(-1);
        Assert.All(Reference.Values(one), v => Assert.True(v is 0 or 10));
        Tensor two = nn.Dropout2d(0.5).call(ones(7, 31, 3, 2)).sum(-1).sum(-1);
        Assert.All(Reference.Values(two), v => Assert.True(v is 0 or 12));
        Assert.Contains(0.0, Reference.Values(two));
    }

    [Fact]
    public void AlphaDropout_KeepsMeanAndVariance()
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        Tensor y = nn.AlphaDropout(0.2).call(randn(100_003));
        Assert.Equal(0, y.mean().item<float>(), 0.02);
        Assert.Equal(1, y.std().item<float>(), 0.02);
    }

    [Fact]
    public void Shapes_FlattenUnflattenIdentityPixelShuffle()
    {
        using var scope = NewDisposeScope();
        Tensor x = Random(2, 3, 5, 7);
        Assert.Equal([2L, 105], nn.Flatten().call(x).shape);
        Assert.Equal([2L, 15, 7], nn.Flatten(1, 2).call(x).shape);
        Package.Skip("unflatten refuses axes counted from the end");
        Assert.True(nn.Unflatten(-2, [-1, 3]).call(Random(2, 15, 7)).shape.SequenceEqual([2L, 5, 3, 7]));
        Tensor same = nn.Identity().call(x);
        Assert.NotSame(x, same);
        Assert.True(same.Same(x));
        Tensor channels = Random(1, 8, 3, 5);
        Tensor shuffled = nn.PixelShuffle(2).call(channels);
        Assert.Equal([1L, 2, 6, 10], shuffled.shape);
        Assert.Equal(channels[0, 6, 2, 4].item<double>(), shuffled[0, 1, 5, 8].item<double>());
        Assert.True(nn.PixelUnshuffle(2).call(shuffled).Same(channels));
    }

    [Fact]
    public void Distances_MatchTheLoop()
    {
        using var scope = NewDisposeScope();
        Tensor x = Random(3, 5), y = Random(3, 5);
        double[] a = Reference.Values(x), b = Reference.Values(y);
        double Row(int i, Func<double, double, double> f) => Enumerable.Range(0, 5).Sum(k => f(a[i * 5 + k], b[i * 5 + k]));
        Reference.Close([.. Enumerable.Range(0, 3).Select(i => Row(i, (u, v) => u * v) / Math.Sqrt(Row(i, (u, _) => u * u) * Row(i, (_, v) => v * v)))], nn.CosineSimilarity().call(x, y), 1e-9);
        Reference.Close([.. Enumerable.Range(0, 3).Select(i => Row(i, (u, v) => Math.Abs(u - v + 1e-6)))], nn.PairwiseDistance(1).call(x, y), 1e-9);
        Reference.Close([.. Enumerable.Range(0, 15).Select(i => a[i] / Math.Sqrt(Row(i / 5, (u, _) => u * u)))], F.normalize(x), 1e-9);
        Assert.Equal([0f, 0], F.normalize(zeros(1, 2)).data<float>().ToArray());
    }

    [Fact]
    public void OneHot_And_Pad_PlaceTheirValues()
    {
        using var scope = NewDisposeScope();
        Assert.Equal([0L, 0, 1, 1, 0, 0], F.one_hot(tensor(new long[] { 2, 0 })).data<long>().ToArray());
        Assert.Equal([1L, 5], F.one_hot(tensor(new long[] { 2 }), 5).shape);
        Assert.Throws<ArgumentException>(() => F.one_hot(tensor(new[] { 2 })));
        Tensor x = tensor(new[] { 1.0, 2, 3 }, [1, 3]);
        Reference.Close([7, 1, 2, 3, 7, 7], F.pad(x, (1, 2), value: 7));
        Reference.Close([7, 1, 2, 3, 7, 7], F.pad(x, new long[] { 1, 2 }, PaddingModes.Zeros, 7));
        Reference.Close([2, 1, 2, 3, 2], F.pad(x, (1, 1), PaddingModes.Reflect));
        Reference.Close([1, 1, 2, 3, 3], F.pad(x, (1, 1), PaddingModes.Replicate));
        Assert.Equal([3L, 5], F.pad(x, 1).shape);
    }

    [Fact]
    public void Interpolate_Modes_MatchTheirFormulas()
    {
        using var scope = NewDisposeScope();
        Tensor x = tensor(new[] { 1.0, 3, 7 }, [1, 1, 3]);
        Reference.Close([1, 1, 3, 3, 7, 7], F.interpolate(x, scale_factor: [2]));
        Reference.Close([1, 2, 3, 5, 7], F.interpolate(x, [5], mode: InterpolationMode.Linear, align_corners: true), 1e-12);
        Reference.Close([11.0 / 3], F.interpolate(x, [1], mode: InterpolationMode.Area), 1e-12);
        Tensor image = Random(1, 2, 3, 5);
        Package.Skip("one scale factor for all axes is refused");
        Assert.Equal([1L, 2, 6, 10], nn.Upsample(scale_factor: [2], mode: UpsampleMode.Bilinear).call(image).shape);
        Assert.Equal([1L, 2, 7, 4], F.interpolate(image, [7, 4], mode: InterpolationMode.Bicubic).shape);
        Assert.True(F.interpolate(image, [3, 5], mode: InterpolationMode.Bilinear, antialias: true).allclose(image));
        Assert.Throws<ArgumentException>(() => F.interpolate(image));
        Assert.Throws<ArgumentException>(() => F.interpolate(image, [7, 4], mode: InterpolationMode.Linear));
        Assert.Throws<ArgumentException>(() => F.interpolate(image, [7, 4], align_corners: true));
    }

    [Fact]
    public void GridSample_IdentityGrid_GivesTheImageBack()
    {
        using var scope = NewDisposeScope();
        Tensor image = Random(1, 2, 3, 5);
        Tensor theta = tensor(new[] { 1.0, 0, 0, 0, 1, 0 }, [1, 2, 3]);
        foreach (GridSampleMode mode in Enum.GetValues<GridSampleMode>())
            Assert.True(F.grid_sample(image, F.affine_grid(theta, [1, 2, 3, 5]), mode, align_corners: false).allclose(image));
    }

    [Theory]
    [InlineData(EmbeddingBagMode.Sum)]
    [InlineData(EmbeddingBagMode.Mean)]
    [InlineData(EmbeddingBagMode.Max)]
    public void EmbeddingBag_NothingToReduce_GivesNothing(EmbeddingBagMode mode)
    {
        Package.Skip("the maximum of no bags ends the process");
        using var scope = NewDisposeScope();
        using EmbeddingBag bag = nn.EmbeddingBag(7, 3, mode: mode), last = nn.EmbeddingBag(7, 3, mode: mode, include_last_offset: true, padding_index: 2);
        Tensor nothing = zeros([0], ScalarType.Int64);
        Assert.Equal([0L, 3], bag.call(nothing, nothing).shape);
        Assert.Equal([0L, 3], bag.forward(nothing, nothing, null).shape);
        Assert.Equal([0L, 3], bag.call(zeros([0, 5], ScalarType.Int64)).shape);
        Assert.Equal([0L, 3], last.call(nothing, zeros([1], ScalarType.Int64)).shape);
        bag.call(nothing, nothing).sum().backward();
        Assert.Equal(0, bag.weight!.grad!.count_nonzero([0, 1]).item<long>());

        Tensor bagsOfNothing = bag.call(zeros([2, 0], ScalarType.Int64));
        Assert.Equal([2L, 3], bagsOfNothing.shape);
        Assert.All(Reference.Values(bagsOfNothing), value => Assert.Equal(0, value));
    }

    [Fact]
    public void EmbeddingBag_RowsInNoBag_AreRefused()
    {
        Package.Skip("the maximum of no bags ends the process");
        using var scope = NewDisposeScope();
        using EmbeddingBag bag = nn.EmbeddingBag(7, 3, mode: EmbeddingBagMode.Max), last = nn.EmbeddingBag(7, 3, mode: EmbeddingBagMode.Max, include_last_offset: true);
        Tensor x = tensor(new long[] { 6, 2 });
        Assert.Throws<ArgumentException>(() => bag.call(x, zeros([0], ScalarType.Int64)));
        Assert.Throws<ArgumentException>(() => bag.forward(x, zeros([0], ScalarType.Int64), null));
        Assert.Throws<ArgumentException>(() => last.call(x, zeros([1], ScalarType.Int64)));
        Assert.Throws<ArgumentException>(() => last.call(x, zeros([0], ScalarType.Int64)));
    }

    [Fact]
    public void EmbeddingBag_ForwardWithWrongArguments_IsRefused()
    {
        Package.Skip("they are checked by call alone");
        using var scope = NewDisposeScope();
        using EmbeddingBag bag = nn.EmbeddingBag(7, 3);
        Tensor x = tensor(new long[] { 6, 2 });
        Assert.Throws<ArgumentException>(() => bag.forward(x.@float(), x, null));
        Assert.Throws<ArgumentException>(() => bag.forward(x, tensor(new[] { 0, 1 }), null));
        Assert.Throws<ArgumentException>(() => bag.forward(x, null, null));
        Assert.Throws<ArgumentException>(() => bag.forward(x.view(1, 2), x, null));
        Assert.Throws<ArgumentException>(() => bag.forward(x.view(1, 1, 2), null, null));
    }
}
