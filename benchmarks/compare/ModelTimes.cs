using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Generation;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Models.ModernBert;
using PreTrain.Modules;
using PreTrain.Optimization;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Compare;

/// <summary>What padding, recomputation and generation cost.</summary>
internal static class ModelTimes
{
    /// <summary>
    /// Training passes of encoders over a batch of mixed lengths, the mean half of the longest: as the library computes them, without padding, and with every
    /// place computed, as a padded batch does. In turn, in one process.
    /// </summary>
    internal static void Padding(int rounds, int threads)
    {
        set_num_threads(threads);
        const int batch = 8, context = 512, layers = 4, classes = 8192;
        Console.WriteLine($"one forward and backward pass, {layers} layers × 768, {batch} sequences of 64 to {context - 64} tokens, mean {context / 2}, padded to {context}; {threads} threads, medians of {rounds}\n");
        Console.WriteLine("| model | precision | padded s | without padding s | ratio |\n|---|---|---|---|---|");
        foreach (ScalarType type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
        {
            using var bert = new BertModel(BertPresets.All["bert-base"] with { LayerCount = layers, VocabSize = classes, Dropout = 0, AttentionDropout = 0 }, ModelHead.MaskedLanguageModel);
            using var modern = new ModernBertModel(ModernBertPresets.Base with { LayerCount = layers, VocabSize = classes, PaddingId = 0 }, ModelHead.MaskedLanguageModel);
            foreach (var (name, model) in new (string, IMaskedLanguageModel)[] { ("BERT", bert), ("ModernBERT", modern) })
            {
                var module = (nn.Module)model;
                module.to(type);
                module.train();
                using var generator = new Generator(1);
                Tensor ids = randint(5, classes, [batch, context], dtype: ScalarType.Int64, generator: generator), mask = zeros(batch, context, dtype: ScalarType.Int64);
                for (int b = 0; b < batch; b++) mask[b, ..(64 + b * (context - 128) / (batch - 1))] = 1;   // evenly from 64 to context − 64
                Tensor hidden = rand([batch, context], generator: generator).lt(0.15).logical_and(mask.ne(0));
                Tensor targets = ids.masked_fill(hidden.logical_not(), CrossEntropy.Ignored);
                var (padded, packed) = (new List<double>(), new List<double>());
                for (int round = -1; round < rounds; round++)
                {
                    double p = Pass(model, new ModelInput { Ids = ids }, targets), u = Pass(model, new ModelInput { Ids = ids, AttentionMask = mask }, targets);
                    if (round >= 0) (padded, packed) = ([.. padded, p], [.. packed, u]);
                }
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {type} | {Median(padded):F2} | {Median(packed):F2} | {Median(padded) / Median(packed):F2}× |"));
            }
        }
    }

    private static double Pass(IMaskedLanguageModel model, ModelInput input, Tensor targets)
    {
        long start = Stopwatch.GetTimestamp();
        using DisposeScope scope = NewDisposeScope();
        model.Loss(input, targets, 100).backward();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>Time of a training step, and the memory that it takes beside weights, gradients and optimizer. One way in one process.</summary>
    internal static void Step(bool recompute, int passes, int threads)
    {
        set_num_threads(threads);
        using var generator = new Generator(1);
        using var model = new GptModel(new GptConfig { VocabSize = 512, ContextLength = 512, LayerCount = 12, HeadCount = 12, EmbeddingDim = 768 }, generator: generator);
        using var flat = new FlatParameters(model, Precision.Float32);
        model.train();
        model.RecomputeActivations = recompute;
        Tensor ids = randint(0, 512, [8, 512], dtype: ScalarType.Int64, generator: generator);
        Run(ids[..1, ..8]);   // whatever is there once
        long before = Environment.WorkingSet;
        File.WriteAllText("/proc/self/clear_refs", "5");   // the peak counts from here
        var seconds = new List<double>();
        for (int i = 0; i < passes; i++)
        {
            long start = Stopwatch.GetTimestamp();
            Run(ids);
            seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        Console.WriteLine(JsonSerializer.Serialize(new { seconds, bytes = PeakBytes() - before }));

        void Run(Tensor given)
        {
            using DisposeScope scope = NewDisposeScope();
            model.Loss(given, given, given.numel()).backward();
            flat.Collect();
        }
    }

    internal static void Recomputation(int rounds, int threads)
    {
        var (plain, frugal) = (new List<double>(), new List<double>());
        var (plainBytes, frugalBytes) = (0L, 0L);
        for (int round = 0; round < rounds; round++)
        {
            JsonNode a = Child(false), b = Child(true);
            plain.AddRange(Seconds(a));
            frugal.AddRange(Seconds(b));
            (plainBytes, frugalBytes) = (Math.Max(plainBytes, a["bytes"]!.GetValue<long>()), Math.Max(frugalBytes, b["bytes"]!.GetValue<long>()));
        }
        Console.WriteLine($"GPT, 12 layers × 768, 8 sequences of 512 tokens, float32, forward and backward; {threads} threads\n");
        Console.WriteLine("| | seconds | activations MiB |\n|---|---|---|");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| plain | {Median(plain):F2} | {plainBytes >> 20} |\n| recomputed | {Median(frugal):F2} | {frugalBytes >> 20} |"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"\ntime × {Median(frugal) / Median(plain):F2}, memory − {1 - (double)frugalBytes / plainBytes:P0}"));

        JsonNode Child(bool recompute) => ContenderProcess.RunSelf("step", ["recompute-step", "--recompute", recompute ? "true" : "false", "--passes", "2", "--threads", threads.ToString(CultureInfo.InvariantCulture)])
            ?? throw new InvalidOperationException("A step failed.");
    }

    /// <summary>Greedy generation with a cache here, one batch.</summary>
    internal static void Generate(string precision, int prompt, int newTokens, int passes, int threads)
    {
        set_num_threads(threads);
        using var generator = new Generator(1);
        using var model = new GptModel(GptPresets.Gpt2Small, generator: generator);
        if (precision == "bf16") model.to(ScalarType.BFloat16);
        model.eval();
        var random = new Random(1);
        int[] ids = [.. Enumerable.Range(0, prompt).Select(_ => random.Next(50257))];
        var seconds = new List<double>();
        for (int run = 0; run <= passes; run++)
        {
            long start = Stopwatch.GetTimestamp();
            int count = model.GenerateTokens(ids, new GenerationOptions { MaxNewTokens = newTokens, Temperature = 0 }).Count();
            if (count != newTokens) throw new InvalidOperationException($"{count} tokens were written instead of {newTokens}.");
            if (run > 0) seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        Console.WriteLine(JsonSerializer.Serialize(new { who = "PreTrain", seconds }));
    }

    internal static void Generation(int rounds, int passes, int threads, string python)
    {
        const int prompt = 32, newTokens = 128;
        Console.WriteLine($"GPT-2 124M, greedy with a cache, batch 1, {prompt} tokens given, {newTokens} written; {threads} threads\n");
        Console.WriteLine("| precision | PreTrain tokens/s | transformers, SDPA | transformers, eager | ratio to the better |\n|---|---|---|---|---|");
        foreach (string precision in new[] { "fp32", "bf16" })
        {
            var (ours, sdpa, eager) = (new List<double>(), new List<double>(), new List<double>());
            string[] common = [.. $"--precision {precision} --prompt {prompt} --new-tokens {newTokens} --passes {passes} --threads {threads}".Split(' ')];
            for (int round = 0; round < rounds; round++)
            {
                ours.AddRange(Seconds(ContenderProcess.RunSelf("PreTrain", ["generate", .. common])));
                sdpa.AddRange(Seconds(ContenderProcess.RunPython("transformers", python, ["generate.py", .. common, "--attention", "sdpa"])));
                eager.AddRange(Seconds(ContenderProcess.RunPython("transformers", python, ["generate.py", .. common, "--attention", "eager"])));
            }
            double best = Math.Min(Median(sdpa), Median(eager));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {precision} | {newTokens / Median(ours):F1} | {newTokens / Median(sdpa):F1} | {newTokens / Median(eager):F1} | {best / Median(ours):F2}× |"));
        }
    }

    /// <summary>Constructing and loading GPT-2 124M from the page cache in processes of their own, beside the time of writing to as much new memory once.</summary>
    internal static void LoadModel(int rounds, int threads)
    {
        set_num_threads(threads);
        string folder = Directory.CreateTempSubdirectory("pretrain-load-").FullName;
        try
        {
            using (var model = new GptModel(GptPresets.Gpt2Small)) model.SavePretrained(folder);
            Console.WriteLine("GPT-2 124M, 0.5 GB in float32; seconds\n\n| process | first | second | third | writing to 0.5 GB of new memory |\n|---|---|---|---|---|");
            for (int round = 1; round <= rounds; round++)
            {
                JsonNode times = ContenderProcess.RunSelf("load", ["load-folder", folder, "--threads", threads.ToString(CultureInfo.InvariantCulture)]) ?? throw new InvalidOperationException("A load failed.");
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {round} | {string.Join(" | ", Seconds(times).Select(s => s.ToString("F2", CultureInfo.InvariantCulture)))} | {times["newMemorySeconds"]!.GetValue<double>():F2} |"));
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Loads three times.</summary>
    internal static void LoadFolder(string folder, int threads)
    {
        set_num_threads(threads);
        var seconds = new List<double>();
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            long start = Stopwatch.GetTimestamp();
            using GptModel model = GptModel.FromPretrained(folder);
            seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        var bytes = (nuint)new FileInfo(Path.Combine(folder, "model.safetensors")).Length;
        long before = Stopwatch.GetTimestamp();
        unsafe
        {
            // Larger than what the heap holds, so that it is new.
            void* memory = System.Runtime.InteropServices.NativeMemory.AlignedAlloc(4 * bytes, 4096);
            System.Runtime.InteropServices.NativeMemory.Fill((byte*)memory + 3 * bytes, bytes, 1);
            System.Runtime.InteropServices.NativeMemory.AlignedFree(memory);
        }
        Console.WriteLine(JsonSerializer.Serialize(new { seconds, newMemorySeconds = Stopwatch.GetElapsedTime(before).TotalSeconds }));
    }

    private static IEnumerable<double> Seconds(JsonNode? result) => result?["seconds"]!.AsArray().Select(s => s!.GetValue<double>()) ?? [];

    private static double Median(List<double> values) => values.Count == 0 ? double.NaN : values.Order().ElementAt(values.Count / 2);

    private static long PeakBytes() =>
        1024 * long.Parse(File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmHWM:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
}
