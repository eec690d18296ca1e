using BenchmarkDotNet.Attributes;
using PreTrain.Models.Gpt;
using PreTrain.Optimization;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Benchmarks;

/// <summary>Clipping and one AdamW step for the 10.7 million parameters of the character model.</summary>
public class OptimizerBenchmarks
{
    private GptModel _model = null!;
    private FlatParameters _parameters = null!;
    private PreTrain.Optimization.AdamW _flat = null!;
    private GptModel _other = null!;
    private TorchSharp.Modules.AdamW _torch = null!;

    [Params(Precision.Float32, Precision.BFloat16)]
    public Precision Precision { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        set_num_threads(Environment.ProcessorCount);
        _model = new GptModel(GptPresets.Char);
        _parameters = new FlatParameters(_model, Precision);
        _parameters.Gradient.fill_(1e-3);
        _flat = new PreTrain.Optimization.AdamW(_parameters, new AdamWOptions());
        _other = new GptModel(GptPresets.Char);
        foreach (var p in _other.parameters()) p.grad = ones_like(p) * 1e-3;
        _torch = optim.AdamW(_other.parameters(), 1e-4, 0.9, 0.95);
    }

    [Benchmark]
    public double Flat()
    {
        double norm = _flat.GradientNorm();
        _flat.Step(1e-4, PreTrain.Optimization.AdamW.ClipScale(norm, 1));
        return norm;
    }

    [Benchmark(Baseline = true)]
    public double TorchPerParameter()
    {
        using DisposeScope scope = NewDisposeScope();
        double norm = nn.utils.clip_grad_norm_(_other.parameters(), 1);
        _torch.step();
        return norm;
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _flat.Dispose();
        _parameters.Dispose();
        _model.Dispose();
        _torch.Dispose();
        _other.Dispose();
    }
}
