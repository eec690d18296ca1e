using PreTrain.Torch.Cpu;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

/// <summary>What every fused kernel has to fulfil. A function takes the differentiable inputs and gives one result of two axes.</summary>
internal static class Kernels
{
    /// <summary>The result and the gradients of the inputs for a fixed gradient of the result.</summary>
    internal static (double[] Result, double[][] Gradients, long Columns) Run(Func<Tensor[], Tensor> f, Tensor[] inputs, ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] leaves = Array.ConvertAll(inputs, t => Leaf(t, type));
        Tensor y = f(leaves);
        Assert.Equal(type, y.dtype);
        y.backward([Upstream(y).to(type)]);
        return (Doubles(y), Array.ConvertAll(leaves, leaf => Doubles(leaf.grad!)), y.size(-1));
    }

    /// <summary>What only the kernels promise is not asked of torch's own operators.</summary>
    internal static void SkipWithoutKernels() =>
        Assert.SkipUnless(TensorMemory.HasKernelsFor(zeros([1])), "This processor has neither AVX-512 nor AVX2; torch's own operators are used instead of the kernels.");

    /// <summary>Whole 1/8s, which every type holds exactly.</summary>
    private static Tensor Upstream(Tensor y)
    {
        using var generator = new Generator(29);
        return randint(-16, 17, y.shape, generator: generator).to(ScalarType.Float32) / 8;
    }

    /// <summary>The kernel of 32 bits against torch's own operators in 64 bits: the result and every gradient.</summary>
    internal static void AssertMatchesFloat64(Func<Tensor[], Tensor> f, Tensor[] inputs, double roundings)
    {
        var (expected, expectedGradients, columns) = Run(f, inputs, ScalarType.Float64);
        var (actual, gradients, _) = Run(f, inputs, ScalarType.Float32);
        AssertClose(expected, actual, columns, roundings * Float32Rounding, "result");
        for (int i = 0; i < inputs.Length; i++) AssertClose(expectedGradients[i], gradients[i], gradients[i].Length, roundings * Float32Rounding, $"gradient {i}");
    }

    /// <summary>The kernel of bfloat16 against that of 32 bits, on inputs that bfloat16 holds exactly.</summary>
    internal static void AssertBFloat16IsRoundedFloat32(Func<Tensor[], Tensor> f, Tensor[] inputs, double tolerance = BFloat16Rounding)
    {
        SkipWithoutKernels();
        using DisposeScope scope = NewDisposeScope();
        Tensor[] rounded = Array.ConvertAll(inputs, t => t.to(ScalarType.BFloat16).to(ScalarType.Float32));
        var (expected, expectedGradients, columns) = Run(f, rounded, ScalarType.Float32);
        var (actual, gradients, _) = Run(f, rounded, ScalarType.BFloat16);
        AssertClose(expected, actual, columns, tolerance, "result");
        for (int i = 0; i < inputs.Length; i++) AssertClose(expectedGradients[i], gradients[i], gradients[i].Length, tolerance, $"gradient {i}");
    }

    /// <summary>The gradients of the kernel of 32 bits against central differences of plain loops in 64 bits.</summary>
    internal static void AssertGradientsAreDifferences(Func<Tensor[], Tensor> f, Func<double[][], double[]> plain, Tensor[] inputs, double roundings)
    {
        using DisposeScope scope = NewDisposeScope();
        var (result, gradients, columns) = Run(f, inputs, ScalarType.Float32);
        double[][] x = Array.ConvertAll(inputs, Doubles);
        AssertClose(plain(x), result, columns, roundings * Float32Rounding, "result");
        double[] upstream = Doubles(Upstream(tensor(result).view(-1, columns)));
        const double Step = 1e-5;
        for (int i = 0; i < x.Length; i++)
        {
            var differences = new double[x[i].Length];
            for (int j = 0; j < differences.Length; j++)
            {
                double at = x[i][j];
                x[i][j] = at + Step;
                double[] above = plain(x);
                x[i][j] = at - Step;
                double[] below = plain(x);
                x[i][j] = at;
                for (int k = 0; k < above.Length; k++) differences[j] += upstream[k] * (above[k] - below[k]) / (2 * Step);
            }
            AssertClose(differences, gradients[i], differences.Length, roundings * Float32Rounding, $"gradient {i}");
        }
    }

    /// <summary>The same bits from one thread and from two.</summary>
    internal static void AssertSameOnAnyNumberOfThreads(Func<Tensor[], Tensor> f, Tensor[] inputs)
    {
        SkipWithoutKernels();
        int before = get_num_threads();
        try
        {
            foreach (ScalarType type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
            {
                set_num_threads(1);
                var one = Run(f, inputs, type);
                set_num_threads(2);
                var two = Run(f, inputs, type);
                Assert.Equal(one.Result, two.Result);
                for (int i = 0; i < inputs.Length; i++) Assert.Equal(one.Gradients[i], two.Gradients[i]);
            }
        }
        finally
        {
            set_num_threads(before);
        }
    }

    /// <summary>Nothing that a forward and backward pass made outlives its scope.</summary>
    internal static void AssertLeavesNoTensor(Func<Tensor[], Tensor> f, Tensor[] inputs)
    {
        foreach (ScalarType type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
        {
            Run(f, inputs, type);
            long before = LiveTensors.Count();
            for (int i = 0; i < 3; i++) Run(f, inputs, type);
            Assert.Equal(before, Tensor.TotalCount);
        }
    }
}
