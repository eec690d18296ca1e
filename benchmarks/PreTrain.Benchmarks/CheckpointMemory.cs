using System.Diagnostics;
using System.Globalization;
using PreTrain.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Benchmarks;

/// <summary>
/// Speed and peak memory of loading the weights of a GPT-2, which a benchmark of calls cannot measure: <c>-- checkpoint-memory</c>. Linux only. Each way runs in
/// a process of its own. The peak is what the process had at most (VmHWM, mapped pages of the file included) above what it had before, over the bytes
/// of the weights in memory. Besides the speed on the clock stands that over the time of the processors, which other programs disturb less.
/// </summary>
internal static class CheckpointMemory
{
    private const int Rounds = 5;

    /// <summary>Memory that the process has already written to: pages that are new to it can cost more than the reading.</summary>
    private static readonly Dictionary<string, Tensor> s_targets = [];

    private static readonly Dictionary<string, (string File, Action<CheckpointTensors, string> Use)> s_ways = new()
    {
        ["read"] = ("model.safetensors", (checkpoint, name) => checkpoint.Read(name)),
        ["read-into"] = ("model.safetensors", (checkpoint, name) => checkpoint.ReadInto(name, empty(checkpoint.Info(name).Shape.ToArray()))),
        ["read-into-memory-in-use"] = ("model.safetensors", (checkpoint, name) => checkpoint.ReadInto(name, s_targets[name])),
        ["read-into-from-bf16"] = ("half.safetensors", (checkpoint, name) => checkpoint.ReadInto(name, empty(checkpoint.Info(name).Shape.ToArray()))),
        ["read-pytorch"] = ("model.bin", (checkpoint, name) => checkpoint.Read(name)),
    };

    internal static int Run(string[] arguments)
    {
        if (arguments is [var folder, var way])
        {
            Measure(way, Path.Combine(folder, s_ways[way].File), s_ways[way].Use);
            return 0;
        }
        folder = Directory.CreateTempSubdirectory("pretrain-benchmark-").FullName;
        try
        {
            string file = Path.Combine(folder, CheckpointWriter.Write(folder, CheckpointBenchmarks.Weights())[0]);
            CheckpointConverter.Convert(file, Path.Combine(folder, "half.safetensors"), new() { DataType = ScalarType.BFloat16 });
            CheckpointConverter.Convert(file, Path.Combine(folder, "model.bin"));
            foreach (string name in s_ways.Keys)
            {
                using Process process = Process.Start(Environment.ProcessPath!, ["checkpoint-memory", folder, name]);
                process.WaitForExit();
                if (process.ExitCode != 0) return process.ExitCode;
            }
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Measure(string what, string path, Action<CheckpointTensors, string> use)
    {
        long weights = 4 * CheckpointBenchmarks.Weights().Sum(w => w.Tensor.NumberOfElements);
        double gigabytes = new FileInfo(path).Length / 1e9;
        var clock = new List<double>();
        var processor = new List<double>();
        var peaks = new List<double>();
        long before = Status("VmRSS");
        if (what == "read-into-memory-in-use")
            foreach (var (name, tensor) in CheckpointBenchmarks.Weights()) s_targets.Add(name, tensor.contiguous());
        for (int round = 0; round < Rounds; round++)
        {
            TimeSpan used = Environment.CpuUsage.TotalTime;
            var watch = Stopwatch.StartNew();
            CheckpointBenchmarks.ForEach(path, use);
            clock.Add(watch.Elapsed.TotalSeconds);
            processor.Add((Environment.CpuUsage.TotalTime - used).TotalSeconds);
            peaks.Add((Status("VmHWM") - before) / (double)weights);
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{what}: {gigabytes / clock.Order().ElementAt(Rounds / 2):F2} GB/s (median; best {gigabytes / clock.Min():F2}), {gigabytes / processor.Min():F2} GB per second of a processor; peak memory {peaks[0]:F3} of the weights, {peaks[^1]:F3} after {Rounds} times"));
    }

    private static long Status(string name) =>
        1024 * long.Parse(File.ReadLines("/proc/self/status").First(line => line.StartsWith(name + ":", StringComparison.Ordinal)).Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
}
