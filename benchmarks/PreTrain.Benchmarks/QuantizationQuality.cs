// dotnet run -c Release --project benchmarks/PreTrain.Benchmarks -- quantization-quality FOLDER [STEPS [BATCHES]]
using System.Diagnostics;
using System.Globalization;
using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using PreTrain.Objectives;
using PreTrain.Quantization;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Benchmarks;

/// <summary>
/// The perplexity that each way of quantizing leaves of a GPT of 4 layers and 256 wide that is trained on the SDK's documentation. The model stays in the folder, so that another call goes on from there; what is measured
/// is text that it has not seen, and the calibration is text that it has.
/// </summary>
internal static class QuantizationQuality
{
    private const int CalibrationWindows = 64, EvaluationRows = 8, DefaultSteps = 6000, DefaultBatches = 64;
    private const double HeldOut = 0.05;
    private static readonly GptConfig s_config = new() { ContextLength = 256, LayerCount = 4, HeadCount = 4, EmbeddingDim = 256, Dropout = 0 };
    private static readonly QuantizationOptions s_static = new() { Scheme = QuantizationScheme.Int8Static };

    internal static int Run(string[] arguments)
    {
        int steps = DefaultSteps, batches = DefaultBatches;
        if (arguments.Length is 0 or > 3 || (arguments.Length > 1 && !Positive(arguments[1], out steps)) || (arguments.Length > 2 && !Positive(arguments[2], out batches)))
        {
            Console.Error.WriteLine($"quantization-quality FOLDER [STEPS [BATCHES]]: a folder for the model and its tokens, and positive numbers of steps ({DefaultSteps}) and of batches of {EvaluationRows} texts that perplexities are of ({DefaultBatches}).");
            return 2;
        }
        using TokenStore store = Tokens(Path.Combine(arguments[0], "tokens"));
        string run = Path.Combine(arguments[0], string.Create(CultureInfo.InvariantCulture, $"run-{steps}")), saved = Path.Combine(run, "model");
        var objective = new CausalLanguageModeling(store, HeldOut);
        if (!File.Exists(Path.Combine(saved, "model.safetensors"))) Train(store, objective, run, steps);

        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        ModelInput[] data = Calibration(store);
        Console.WriteLine($"{"",-30} {"bytes",12} {"perplexity",11} {"more %",8} {"seconds",8}");
        double plain = 0;
        Measure("float32", _ => null);
        Measure("int8, each row's activations", model => Quantizer.Quantize(model, new QuantizationOptions()));
        foreach (ActivationRange range in Enum.GetValues<ActivationRange>()) Measure($"int8 static, {range}", model => Quantizer.QuantizeStatic(model, s_static, data, new ActivationOptions { Range = range }));
        Measure("int8 static, smoothed", model =>
        {
            Quantizer.Smooth(model, data);
            return Quantizer.QuantizeStatic(model, s_static, data);
        });
        Measure("int8 weights", model => Quantizer.Quantize(model, new QuantizationOptions { Scheme = QuantizationScheme.Int8Weights }));
        Measure("nf4", model => Quantizer.Quantize(model, new QuantizationOptions { Scheme = QuantizationScheme.NormalFloat4 }));
        foreach (int group in new[] { 32, 128 })
        {
            QuantizationOptions options = new() { Scheme = QuantizationScheme.Int4Weights, GroupSize = group };
            Measure($"int4, groups of {group}, nearest", model => Quantizer.Quantize(model, options));
            Measure($"int4, groups of {group}, GPTQ", model => Quantizer.QuantizeGptq(model, options, data));
            Measure($"int4, groups of {group}, AWQ", model => Quantizer.QuantizeAwq(model, options, data));
        }
        return 0;

        void Measure(string name, Func<GptModel, QuantizationResult?> quantize)
        {
            using DisposeScope one = NewDisposeScope();
            using GptModel model = GptModel.FromPretrained(saved);
            model.eval();
            long start = Stopwatch.GetTimestamp(), before = model.modules().OfType<Projection>().Sum(map => map.weight.numel() * sizeof(float));
            QuantizationResult? result = quantize(model);
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds, perplexity = objective.Evaluate(model, EvaluationRows, batches)!.Perplexity;
            if (result is null) plain = perplexity;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-30} {result?.BytesAfter ?? before,12:N0} {perplexity,11:F4} {100 * (perplexity / plain - 1),8:F3} {seconds,8:F2}"));
        }
    }

    private static bool Positive(string text, out int number) => int.TryParse(text, CultureInfo.InvariantCulture, out number) && number > 0;

    private static TokenStore Tokens(string folder)
    {
        if (Directory.Exists(folder)) return TokenStore.Open(folder);
        var corpus = new SdkDocumentation();
        return TokenStore.Build(corpus, ByteLevelBpeTokenizer.Train(corpus, new() { VocabSize = 4096 }), folder);
    }

    /// <summary>Trains, or goes on from the last checkpoint.</summary>
    private static void Train(TokenStore store, CausalLanguageModeling objective, string run, int steps)
    {
        using var generator = new RandomStreams(0).CreateGenerator("init");
        using var model = new GptModel(s_config with { VocabSize = store.VocabSize }, generator: generator);
        new Trainer(new TrainingOptions { Output = run, Steps = steps, BatchSize = 16, LearningRate = 1e-3, CheckpointEvery = 250, Resume = Directory.Exists(run) }).Run(model, objective);
    }

    /// <summary>Windows of the text that was trained on.</summary>
    private static ModelInput[] Calibration(TokenStore store)
    {
        var windows = new EvaluationWindows(store.Split(HeldOut).Train, s_config.ContextLength);
        return [.. Enumerable.Range(0, CalibrationWindows).Select(i =>
        {
            long[] ids = new long[s_config.ContextLength], targets = new long[s_config.ContextLength];
            windows.Fill(windows.Count * i / CalibrationWindows, ids, targets, 1);
            return new ModelInput { Ids = tensor(ids, [1, ids.Length]) };
        })];
    }
}
