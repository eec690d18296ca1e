using PreTrain.Checkpoints;
using PreTrain.Models;
using TorchSharp;
using TorchSharp.Modules;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Models.Parity;

/// <summary>The proof by reference, the same for every family and head: folder, logits, every gradient, the losses of ten steps.</summary>
internal static class FamilyParity
{
    /// <summary>Compares a family's implementation with a fixture.</summary>
    /// <param name="family">The family's folder.</param>
    /// <param name="name">The fixture.</param>
    /// <param name="load">Loads the model of a folder.</param>
    /// <param name="table">The table of a model's weights.</param>
    internal static void Check<TModel>(string family, string name, Func<string, TModel> load, Func<TModel, IEnumerable<WeightRow>> table) where TModel : nn.Module, ITransformerModel
    {
        using DisposeScope scope = NewDisposeScope();
        using FamilyFixture fixture = FamilyFixture.Open(family, name);
        string folder = Directory.CreateTempSubdirectory("parity-").FullName;
        try
        {
            // What transformers saves, with its names and shapes.
            fixture.WriteConfig(folder);
            SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), fixture.Tensors.Select(t => (t.Key, FamilyFixture.Weight(t.Key, t.Value))), new Dictionary<string, string> { ["format"] = "pt" });
            using TModel model = load(folder);
            string saved = Path.Combine(folder, "saved");
            model.SavePretrained(saved);
            using (SafetensorsFile file = SafetensorsFile.Open(Path.Combine(saved, "model.safetensors")))
            {
                Assert.Equal(fixture.Tensors.Select(t => $"{t.Key} ({string.Join(", ", t.Value)})").Order(), file.Names.Select(n => $"{n} ({string.Join(", ", file.Info(n).Shape)})").Order());
                foreach (string tensorName in file.Names) Assert.Equal(Bytes(FamilyFixture.Weight(tensorName, fixture.Tensors[tensorName])), Bytes(file.Read(tensorName)));
            }
            using (TModel again = load(saved))
            {
                Assert.Equal(model.ToConfigJson().ToJsonString(), again.ToConfigJson().ToJsonString());
                Assert.Equal(model.Head, again.Head);
            }
            CheckComputation(fixture, model, [.. table(model)]);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void CheckComputation<TModel>(FamilyFixture fixture, TModel model, WeightRow[] table) where TModel : nn.Module, ITransformerModel
    {
        model.train();   // no dropout in any fixture
        ModelInput input = fixture.Input();
        Dictionary<string, Parameter> parameters = model.named_parameters().ToDictionary(p => p.name, p => p.parameter);
        using var optimizer = optim.AdamW(
        [
            new AdamW.ParamGroup(parameters.Values.Where(p => p.ndim >= 2), lr: 1e-3, beta1: 0.9, beta2: 0.95, weight_decay: 0.1),
            new AdamW.ParamGroup(parameters.Values.Where(p => p.ndim < 2), lr: 1e-3, beta1: 0.9, beta2: 0.95, weight_decay: 0),
        ], lr: 1e-3, beta1: 0.9, beta2: 0.95);
        double[] losses = fixture.Losses;
        for (int step = 0; step < losses.Length; step++)
        {
            using DisposeScope scope = NewDisposeScope();
            optimizer.zero_grad();
            ModelOutput output = model.Forward(input);
            Tensor loss = FamilyLoss.Of(fixture, output, input);
            loss.backward();
            if (step == 0)
            {
                AssertLogits(fixture, output, input);
                AssertGradients(fixture, parameters, table);
            }
            Assert.Equal(losses[step], loss.item<float>(), 1e-4 * Math.Max(1, losses[step]));
            optimizer.step();
        }
    }

    private static void AssertLogits(FamilyFixture fixture, ModelOutput output, ModelInput input)
    {
        Tensor expected = fixture.Logits, actual = output.Logits;
        Assert.Equal(expected.shape, actual.shape);
        if (FamilyLoss.RowMask(fixture, expected, input) is { } mask)
        {
            // Of positions without a token transformers computes something, and we nothing.
            Assert.All(Doubles(actual.masked_fill(mask, 0)), x => Assert.Equal(0, x));
            expected = expected.masked_fill(mask.logical_not(), 0);
        }
        double worst = (expected - actual).abs().max().item<float>();
        Assert.True(worst <= 1e-4, $"The logits are off by {worst:E2}.");
        if (fixture.Mask is { } mask_) Assert.Equal(mask_, Doubles(output.Mask!));
        if (fixture.SecondLogits is { } second) Assert.All(second.Zip(Doubles(output.SecondLogits!)), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
    }

    private static void AssertGradients(FamilyFixture fixture, Dictionary<string, Parameter> parameters, WeightRow[] table)
    {
        Dictionary<string, double[]> gradients = fixture.Gradients;
        double largest = gradients.Values.Max(g => g[0]);
        var left = parameters.Keys.ToHashSet();
        foreach (WeightRow row in table)
        {
            if (row.IsBuffer) continue;
            Assert.True(left.Remove(row.Ours), $"{row.Ours} is no parameter.");
            Tensor? grad = parameters[row.Ours].grad;
            // A parameter that is tied to another is named after one of them there.
            string? name = row.Aliases.Prepend(row.Theirs).FirstOrDefault(gradients.ContainsKey);
            if (name is null)
            {
                Assert.True(grad is null || Doubles(grad).All(g => g == 0), $"{row.Ours} has a gradient, and transformers gives none.");
                continue;
            }
            Assert.True(grad is not null, $"{row.Ours} has no gradient.");
            double[] ours = Doubles(row.Transposed ? grad.t() : grad), expected = gradients[name];
            // Relative to the tensor's norm; the gradient of a key bias is zero but for rounding.
            double tolerance = 1e-4 * Math.Max(expected[0], 1e-3 * largest);
            double first = ours.Zip(FamilyFixture.Values("first " + name, ours.Length), (g, v) => g * v).Sum(), second = ours.Zip(FamilyFixture.Values("second " + name, ours.Length), (g, v) => g * v).Sum();
            Assert.True(Math.Abs(Math.Sqrt(ours.Sum(g => g * g)) - expected[0]) <= tolerance && Math.Abs(first - expected[1]) <= tolerance && Math.Abs(second - expected[2]) <= tolerance,
                $"The gradient of {row.Ours} has norm {Math.Sqrt(ours.Sum(g => g * g))} and projections {first}, {second}; it should have {string.Join(", ", expected)}.");
        }
        Assert.Empty(left);
    }
}
