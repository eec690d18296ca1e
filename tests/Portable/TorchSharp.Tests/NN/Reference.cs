using static TorchSharp.torch;

namespace TorchSharp.Tests.NN;

/// <summary>Slow, obvious helpers.</summary>
internal static class Reference
{
    internal static double[] Values(Tensor t)
    {
        using Tensor flat = t.detach().to(ScalarType.Float64).contiguous();
        return flat.data<double>().ToArray();
    }

    /// <summary>Whether two tensors have one shape and the same values.</summary>
    internal static bool Same(this Tensor a, Tensor b) => a.shape.SequenceEqual(b.shape) && Values(a).SequenceEqual(Values(b));

    internal static void Close(double[] expected, Tensor actual, double tolerance = 1e-6)
    {
        double[] values = Values(actual);
        Assert.Equal(expected.Length, values.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - values[i]) <= tolerance * (1 + Math.Abs(expected[i])), $"element {i}: expected {expected[i]}, got {values[i]}");
    }

    /// <summary>Compares the gradient of a scalar function with central differences, in double precision.</summary>
    internal static void CheckGradient(Func<Tensor[], Tensor> function, params Tensor[] inputs)
    {
        const double step = 1e-6;
        foreach (Tensor t in inputs) t.requires_grad_();
        function(inputs).backward();
        for (int k = 0; k < inputs.Length; k++)
        {
            double[] gradient = Values(inputs[k].grad!);
            Tensor flat = inputs[k].detach().view(-1);   // shares the memory
            for (long i = 0; i < flat.numel(); i++)
            {
                double at = flat[i].item<double>();
                flat[i] = tensor(at + step);
                double above = function(inputs).item<double>();
                flat[i] = tensor(at - step);
                double below = function(inputs).item<double>();
                flat[i] = tensor(at);
                double expected = (above - below) / (2 * step);
                Assert.True(Math.Abs(expected - gradient[i]) < 1e-7 * (1 + Math.Abs(expected)) + 1e-8, $"input {k}, element {i}: differences give {expected}, autograd {gradient[i]}");
            }
        }
    }
}
