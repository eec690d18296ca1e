using System.Diagnostics;
using System.Text.Json;
using PreTrain.Models.Gpt;
using PreTrain.Optimization;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Compare;

/// <summary>The steps of this library: the same work as in train_step.py.</summary>
internal static class TrainingSteps
{
    /// <summary>The models of train_step.py, and the sequences of a batch.</summary>
    internal static readonly Dictionary<string, (GptConfig Config, int Batch)> Models = new()
    {
        ["char"] = (GptPresets.Char, 16),
        ["gpt2"] = (GptPresets.Gpt2Small with { ContextLength = 256 }, 4),
        ["gpt2-1024"] = (GptPresets.Gpt2Small, 16),
        ["tiny"] = (new GptConfig { VocabSize = 65, ContextLength = 32, LayerCount = 2, HeadCount = 2, EmbeddingDim = 64 }, 4),
    };

    internal static void Time(string name, string precision, string device, int steps, int warmup, int threads)
    {
        using var session = new Session(name, precision, device, threads);
        var times = new List<double>();
        float loss = 0;
        for (int i = 0; i < warmup + steps; i++)
        {
            long start = Stopwatch.GetTimestamp();
            loss = session.Step();
            if (i >= warmup) times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            who = "PreTrain",
            milliseconds = times,
            medianMilliseconds = times.Order().ElementAt(times.Count / 2),
            tokens = session.Tokens,
            loss,
            peakMemoryBytes = Process.GetCurrentProcess().PeakWorkingSet64,
            threads,
        }));
    }

    internal static void Memory(string name, string precision, string device, int steps, int threads)
    {
        using var session = new Session(name, precision, device, threads);
        Console.WriteLine("| step | resident MiB | of it managed heap | live tensors | loss |\n|---|---|---|---|---|");
        for (int i = 1; i <= steps; i++)
        {
            float loss = session.Step();
            if (i % 16 == 0) GC.Collect(0);   // as the trainer does
            if (i is 50 || i % 100 == 0 || i == steps)
                Console.WriteLine($"| {i} | {Environment.WorkingSet / 1048576.0:F1} | {GC.GetGCMemoryInfo().TotalCommittedBytes / 1048576.0:F1} | {Tensor.TotalCount} | {loss:F4} |");
        }
    }

    private sealed class Session : IDisposable
    {
        private readonly GptModel _model;
        private readonly FlatParameters _parameters;
        private readonly AdamW _optimizer;
        private readonly Tensor _inputs;
        private readonly Tensor _targets;
        private readonly bool _onCuda;

        internal Session(string name, string precision, string device, int threads)
        {
            set_num_threads(threads);
            var (config, batch) = Models[name];
            _onCuda = device == "cuda";
            Device where = _onCuda ? CUDA : CPU;
            using Generator generator = new(1);
            _model = new GptModel(config, generator: generator).to(where);
            _model.train();
            _parameters = new FlatParameters(_model, precision == "bf16" ? Precision.BFloat16 : Precision.Float32);
            _optimizer = new AdamW(_parameters, new AdamWOptions());
            Tensor ids = randint(config.VocabSize, [batch, config.ContextLength + 1], dtype: ScalarType.Int64, generator: generator);
            _inputs = ids[.., ..^1].contiguous().to(where);
            _targets = ids[.., 1..].contiguous().to(where);
            Tokens = batch * config.ContextLength;
        }

        internal int Tokens { get; }

        internal float Step()
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor loss = _model.Loss(_inputs, _targets, Tokens);
            loss.backward();
            _parameters.Collect();
            double norm = _optimizer.GradientNorm();
            _optimizer.Step(1e-3, AdamW.ClipScale(norm, 1));
            float value = loss.item<float>();
            if (_onCuda) cuda.synchronize();
            return value;
        }

        public void Dispose()
        {
            _optimizer.Dispose();
            _parameters.Dispose();
            _model.Dispose();
        }
    }
}
