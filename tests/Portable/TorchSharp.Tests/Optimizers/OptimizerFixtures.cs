using System.Text.Json;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Tests.Optimizers;

/// <summary>The problem of fixtures/make_fixtures.py, and what PyTorch did with it.</summary>
internal sealed class OptimizerFixtures : IDisposable
{
    internal static readonly int[] Kept = [1, 2, 3, 7, 20];
    private readonly DisposeScope _scope = NewDisposeScope();

    internal OptimizerFixtures()
    {
        (First, FirstWeight, FirstTarget) = Part(6, 3, 2);
        (Second, SecondWeight, SecondTarget) = Part(5, 5);
    }

    internal Parameter First { get; }
    internal Parameter Second { get; }
    private Tensor FirstWeight { get; }
    private Tensor FirstTarget { get; }
    private Tensor SecondWeight { get; }
    private Tensor SecondTarget { get; }

    internal Tensor Loss()
    {
        Tensor first = First - FirstTarget, second = Second - SecondTarget;
        return (FirstWeight * first * first).sum() + (SecondWeight * second * second).sum();
    }

    internal double[] Values() => [.. First.detach().data<double>().ToArray(), .. Second.detach().data<double>().ToArray()];

    internal void Step(optim.Optimizer optimizer)
    {
        using DisposeScope scope = NewDisposeScope();
        optimizer.zero_grad();
        Loss().backward();
        optimizer.step();
    }

    internal static JsonElement Read(string file) =>
        JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Optimizers", "fixtures", file))).RootElement;

    internal static void Equal(double[] expected, double[] actual, string place)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= 1e-12 * Math.Max(1, Math.Abs(expected[i])), $"{place}, element {i}: expected {expected[i]:R}, got {actual[i]:R}");
    }

    public void Dispose()
    {
        First.Dispose();
        Second.Dispose();
        _scope.Dispose();
    }

    private static (Parameter, Tensor, Tensor) Part(int count, params long[] shape)
    {
        Tensor At(double slope, double start) => tensor(Enumerable.Range(0, count).Select(i => slope * i + start).ToArray()).reshape(shape);
        return (new Parameter(At(0.3, -0.7)), At(0.25, 0.5), At(-0.4, 1.0));
    }
}
