using BenchmarkDotNet.Attributes;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Benchmarks;

/// <summary>What a call costs beside its work, and how that grows with the graph and the scope around it.</summary>
[MemoryDiagnoser]
public class OperatorBenchmarks
{
    private Tensor _a = null!, _b = null!, _trained = null!;

    [GlobalSetup]
    public void Setup()
    {
        set_num_threads(1);
        _a = ones([1, 1]);
        _b = ones([1, 1]);
        _trained = ones([1, 1]).requires_grad_();
    }

    [Benchmark(Baseline = true)]
    public void Add()
    {
        using Tensor c = _a + _b;
    }

    [Benchmark]
    public void AddInScope()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor c = _a + _b;
    }

    [Benchmark]
    public void AddRecorded()
    {
        using Tensor c = _trained + _b;
    }

    [Benchmark]
    public long Shape() => _a.size(0);

    [Benchmark]
    public float Item() => _a.item<float>();

    [Benchmark]
    public void AddAndBackward()
    {
        using Tensor c = _trained + _b;
        c.backward([_b]);
        _trained.grad = null;
    }
}
