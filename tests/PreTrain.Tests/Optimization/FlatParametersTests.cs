using PreTrain.Optimization;
using PreTrain.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using AdamW = PreTrain.Optimization.AdamW;

namespace PreTrain.Tests.Optimization;

public sealed class FlatParametersTests
{
    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void Constructor_AnyPrecision_LaysOutMatricesThenVectors(Precision precision)
    {
        using DisposeScope scope = NewDisposeScope();
        using var model = new ShapesModel();
        float[] shared = Values(model.Shared), matrix = Values(model.Matrix), vector = Values(model.Vector);

        using var flat = new FlatParameters(model, precision);

        // Named parameters come module by module: matrix, then the shared one of the first child; 221 and 33 elements, each padded to 16.
        Assert.Equal(224 + 48 + 32, flat.Length);
        Assert.Equal(224 + 48, flat.DecayedLength);
        Assert.Equal(221 + 33 + 19, flat.Count);
        float[] master = Values(flat.Master);
        var views = flat.Split(flat.Master).ToDictionary(s => s.Name, s => s.View);
        Assert.Equal(["matrix", "first.shared", "vector"], views.Keys);
        Assert.Equal(matrix, Values(views["matrix"]));
        Assert.Equal(shared, Values(views["first.shared"]));
        Assert.Equal(vector, Values(views["vector"]));
        Assert.All(master[221..224].Concat(master[(224 + 33)..(224 + 48)]).Concat(master[(272 + 19)..]), gap => Assert.Equal(0, gap));
        Assert.Equal(precision.ToScalarType(), model.Matrix.dtype);
        Assert.Equal(precision.ToScalarType(), model.Frozen.dtype);
        Assert.Equal(precision == Precision.Float32, ReferenceEquals(flat.Master, flat.Compute));
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void Constructor_Parameters_AreViewsOfTheBuffers(Precision precision)
    {
        using DisposeScope scope = NewDisposeScope();
        using var model = new ShapesModel();
        Parameter before = model.Matrix;
        using var flat = new FlatParameters(model, precision);

        using (no_grad()) flat.Compute.fill_(2.5);
        model.Loss().backward();
        flat.Collect();

        Assert.Same(before, model.Matrix);
        Assert.All(Values(model.Matrix), v => Assert.Equal(2.5f, v));
        float expected = (float)(2 * 2.5 * 0.4 + Math.Cos(2.5));   // of the matrix, the second in the sum
        float tolerance = precision == Precision.Float32 ? 1e-6f : 0.01f;
        Assert.All(Values(flat.Gradient)[..221], g => Assert.Equal(expected, g, tolerance));
    }

    [Fact]
    public void Constructor_SharedParameter_IsInOnceAndStaysTied()
    {
        using DisposeScope scope = NewDisposeScope();
        using var model = new ShapesModel();
        using var flat = new FlatParameters(model, Precision.BFloat16);
        using var optimizer = new AdamW(flat);

        model.Loss().backward();
        flat.Collect();
        optimizer.Step(0.1);

        Assert.Same(model.Shared, model.SharedAgain);
        Assert.Equal(["first.shared", "frozen", "matrix", "second.shared", "vector"], flat.Masters.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(Values(flat.Masters["first.shared"]), Values(flat.Masters["second.shared"]));
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void Collect_GradientsReplacedOrDropped_AreBackInTheBuffer(Precision precision)
    {
        using DisposeScope scope = NewDisposeScope();
        using var model = new ShapesModel();
        using var flat = new FlatParameters(model, precision);
        model.Loss().backward();
        flat.Collect();
        float[] expected = Values(flat.Gradient);

        flat.Gradient.zero_();
        foreach (Parameter p in model.Trainable) p.grad = null;   // autograd makes new ones
        model.Loss().backward();
        flat.Collect();
        Assert.Equal(expected, Values(flat.Gradient));

        flat.Gradient.zero_();
        model.Loss().backward();
        flat.Collect();
        Assert.Equal(expected, Values(flat.Gradient));

        model.Vector.grad = null;
        flat.Collect();
        Assert.All(Values(flat.Gradient)[272..], g => Assert.Equal(0, g));
        Assert.NotNull(model.Vector.grad);
    }

    [Fact]
    public void Collect_Accumulating16Bits_SumsIn32()
    {
        using DisposeScope scope = NewDisposeScope();
        using var model = new ShapesModel();
        using var flat = new FlatParameters(model, Precision.BFloat16);
        var parts = new List<float[]>();
        double[] factors = [1, 0.37, 0.0021];
        foreach (double factor in factors)
        {
            model.Loss(factor).backward();
            parts.Add(Values(flat.Gradient));
            flat.Collect(accumulate: true);
            Assert.All(Values(flat.Gradient), g => Assert.Equal(0, g));
        }

        Assert.Equal(ScalarType.Float32, flat.StepGradient.dtype);
        Assert.Equal(parts[0].Select((g, i) => g + parts[1][i] + parts[2][i]), Values(flat.StepGradient));
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void Dispose_Model_HasItsFullValuesBack(Precision precision)
    {
        using DisposeScope scope = NewDisposeScope();
        using var model = new ShapesModel();
        float[] matrix = Values(model.Matrix), frozen = Values(model.Frozen);
        long live = DisposeScopeManager.Statistics.ThreadTotalLiveCount;

        var flat = new FlatParameters(model, precision);
        flat.Dispose();

        Assert.Equal(ScalarType.Float32, model.Matrix.dtype);
        Assert.Equal(matrix, Values(model.Matrix));
        Assert.Equal(frozen, Values(model.Frozen));
        Assert.Null(model.Matrix.grad);
        Assert.Equal(live, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Constructor_NothingToTrain_Throws()
    {
        using var model = new ShapesModel();
        foreach (Parameter p in model.Trainable) p.requires_grad = false;
        var e = Assert.Throws<ArgumentException>(() => new FlatParameters(model, Precision.Float32));
        Assert.StartsWith("The model has no trainable parameter.", e.Message, StringComparison.Ordinal);
    }

    internal static float[] Values(Tensor t)
    {
        using DisposeScope scope = NewDisposeScope();
        return t.detach().to(ScalarType.Float32).contiguous().view(-1).data<float>().ToArray();
    }
}
