using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Optimization;
using PreTrain.Tests.Checkpoints;
using PreTrain.Torch;
using TorchSharp;
using static PreTrain.Tests.Optimization.FlatParametersTests;
using static TorchSharp.torch;

namespace PreTrain.Tests.Optimization;

public sealed class WeightAverageTests
{
    [Theory]
    [InlineData("exponential", Precision.Float32)]
    [InlineData("exponential", Precision.BFloat16)]
    [InlineData("equal", Precision.Float32)]
    [InlineData("equal", Precision.BFloat16)]
    public void Update_TwentySteps_EqualsTheReferenceAlsoWhenItIsResumed(string name, Precision precision)
    {
        using DisposeScope scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        WeightAverageOptions options = name == "equal" ? new() { Kind = WeightAverageKind.Equal, StartStep = 7 } : new() { Decay = 0.9 };
        using var model = new NumbersModel();
        using var flat = new FlatParameters(model, precision);
        using IOptimizer optimizer = new SgdOptions { Momentum = 0 }.Create(flat);
        WeightAverage average = new(flat, options);
        for (int t = 0; t < 20; t++)
        {
            int k = 0;
            foreach (var (_, view) in flat.Split(flat.Gradient)) view.copy_(NumbersModel.Gradient(k++, t));
            optimizer.Step(0.05);
            average.Update(t + 1);
            if (t != 11) continue;
            average.Save(folder["average.safetensors"]);
            average.Dispose();
            average = new(flat, options);
            average.Load(folder["average.safetensors"]);
        }

        double[] expected = [.. JsonNode.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Optimization", "fixtures", "averages.json")))![name]!.AsArray().Select(x => x!.GetValue<double>())];
        float[] actual = [.. flat.Split(average.Values).SelectMany(s => Values(s.View))];
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < actual.Length; i++) Assert.Equal(expected[i], actual[i], 1e-5);
        average.Dispose();
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void Apply_UntilDisposed_TheModelHasTheAverage(Precision precision)
    {
        using DisposeScope scope = NewDisposeScope();
        using var model = new NumbersModel();
        using var flat = new FlatParameters(model, precision);
        using var average = new WeightAverage(flat, new());
        float[] weights = Values(model.Parameters[1]), master = Values(flat.Master);
        using (average.Apply()) Assert.Equal(weights, Values(model.Parameters[1]));   // there is none yet

        average.Update(1);
        average.Values.add_(0.5);
        float[] values = Values(average.Values);
        using (average.Apply())
        {
            Assert.NotEqual(weights, Values(model.Parameters[1]));
            Assert.Equal(Values(average.HasValues && precision == Precision.BFloat16 ? average.Values.to(ScalarType.BFloat16) : tensor(values)), Values(flat.Compute));
        }
        Assert.Equal(weights, Values(model.Parameters[1]));
        Assert.Equal(master, Values(flat.Master));
        Assert.Equal(values, Values(average.Values));
    }

    [Fact]
    public void Update_EveryThird_TakesTheOthersNotIn()
    {
        using DisposeScope scope = NewDisposeScope();
        using var model = new NumbersModel();
        using var flat = new FlatParameters(model, Precision.Float32);
        using var average = new WeightAverage(flat, new() { Kind = WeightAverageKind.Equal, StartStep = 2, Every = 3 });
        for (int step = 1; step <= 9; step++)
        {
            flat.Master.fill_(step);
            average.Update(step);
        }
        Assert.All(Values(average.Values), x => Assert.Equal(5, x, 1e-5));   // of 2, 5 and 8
    }

    [Fact]
    public void Load_OfAnOptimizer_IsRefused()
    {
        using DisposeScope scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var model = new NumbersModel();
        using var flat = new FlatParameters(model, Precision.Float32);
        using var average = new WeightAverage(flat, new());
        using IOptimizer optimizer = new LionOptions().Create(flat);
        optimizer.Save(folder["x.safetensors"]);
        var e = Assert.Throws<CheckpointException>(() => average.Load(folder["x.safetensors"]));
        Assert.EndsWith("its header has no number of updates; it is not an average of weights.", e.Message, StringComparison.Ordinal);
    }
}
