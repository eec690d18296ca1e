using BenchmarkDotNet.Attributes;
using PreTrain.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Benchmarks;

/// <summary>Reading the weights of a GPT-2 (124M parameters, 0.5 GB in float32) from the page cache.</summary>
[WarmupCount(2), IterationCount(8), InvocationCount(1)]
public class CheckpointBenchmarks
{
    private readonly string _folder = Directory.CreateTempSubdirectory("pretrain-benchmark-").FullName;
    private Dictionary<string, Tensor> _targets = [];

    private string Safetensors => Path.Combine(_folder, "model.safetensors");

    private string PyTorch => Path.Combine(_folder, "pytorch_model.bin");

    [GlobalSetup]
    public void Setup()
    {
        CheckpointWriter.Write(_folder, Weights());
        CheckpointWriter.Write(_folder, Weights(), new CheckpointWriterOptions { Format = CheckpointFormat.PyTorch });
        _targets = Weights().ToDictionary(w => w.Name, w => w.Tensor.contiguous());
        Console.WriteLine($"// {new FileInfo(Safetensors).Length / 1e6:F0} MB");
    }

    [GlobalCleanup]
    public void Cleanup() => Directory.Delete(_folder, recursive: true);

    /// <summary>Into new memory.</summary>
    [Benchmark(Baseline = true)]
    public int Read() => ForEach(Safetensors, (file, name) => file.Read(name));

    /// <summary>Into the parameters of a model.</summary>
    [Benchmark]
    public int ReadInto() => ForEach(Safetensors, (file, name) => file.ReadInto(name, _targets[name]));

    /// <summary>Mapped, and every element used once.</summary>
    [Benchmark]
    public int ViewAndSum() => ForEach(Safetensors, (file, name) => file.View(name).sum());

    /// <summary>The same weights as <c>torch.save</c> writes them, into new memory.</summary>
    [Benchmark]
    public int ReadPyTorch() => ForEach(PyTorch, (file, name) => file.Read(name));

    internal static int ForEach(string path, Action<CheckpointTensors, string> use)
    {
        using var noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        using CheckpointTensors checkpoint = CheckpointTensors.Open(path);
        foreach (string name in checkpoint.Names) use(checkpoint, name);
        return checkpoint.Names.Count;
    }

    /// <summary>Tensors with GPT-2's shapes. They take no memory of their own before they are made contiguous.</summary>
    internal static IEnumerable<(string Name, Tensor Tensor)> Weights()
    {
        const long c = 768;
        Tensor one = ones(1);
        yield return ("wte.weight", one.expand(50257, c));
        yield return ("wpe.weight", one.expand(1024, c));
        for (int layer = 0; layer < 12; layer++)
        {
            foreach (var (name, shape) in new[] { ("attn.c_attn", new[] { c, 3 * c }), ("attn.c_proj", [c, c]), ("mlp.c_fc", [c, 4 * c]), ("mlp.c_proj", [4 * c, c]) })
            {
                yield return ($"h.{layer}.{name}.weight", one.expand(shape));
                yield return ($"h.{layer}.{name}.bias", one.expand(shape[1]));
            }
            foreach (string norm in new[] { "ln_1", "ln_2" })
            {
                yield return ($"h.{layer}.{norm}.weight", one.expand(c));
                yield return ($"h.{layer}.{norm}.bias", one.expand(c));
            }
        }
        yield return ("ln_f.weight", one.expand(c));
        yield return ("ln_f.bias", one.expand(c));
    }
}
