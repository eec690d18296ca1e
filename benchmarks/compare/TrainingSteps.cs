using System.Diagnostics;
using System.Text.Json;
using PreTrain.Optimization;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Compare;

/// <summary>The steps of this library: the same work as in train_step.py.</summary>
internal static class TrainingSteps
{
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
        private readonly nn.Module _model;
        private readonly Func<Tensor> _loss;
        private readonly FlatParameters _parameters;
        private readonly AdamW _optimizer;
        private readonly bool _onCuda;

        internal Session(string name, string precision, string device, int threads)
        {
            set_num_threads(threads);
            TrainingWorkload workload = TrainingWorkload.All[name];
            _onCuda = device == "cuda";
            using Generator generator = new(1);
            (_model, _loss) = workload.Create(_onCuda ? CUDA : CPU, generator);
            _model.train();
            _parameters = new FlatParameters(_model, precision == "bf16" ? Precision.BFloat16 : Precision.Float32);
            _optimizer = new AdamW(_parameters, new AdamWOptions());
            Tokens = workload.Tokens;
        }

        internal int Tokens { get; }

        internal float Step()
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor loss = _loss();
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
