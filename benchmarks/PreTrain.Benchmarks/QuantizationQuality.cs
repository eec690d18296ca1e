// dotnet run -c Release --project benchmarks/PreTrain.Benchmarks -- quantization-quality [FOLDER [SHARE]]
using System.Diagnostics;
using System.Globalization;
using PreTrain.Models;
using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using PreTrain.Quantization;
using PreTrain.Training;
using TorchSharp;
using static PreTrain.Benchmarks.QualityModels;
using static TorchSharp.torch;

namespace PreTrain.Benchmarks;

/// <summary>What each way of quantizing leaves of a small ModernBERT's and a small GPT's quality on text that was held out. The calibration is text that they learned from.</summary>
internal static class QuantizationQuality
{
    internal static int Run(string[] arguments)
    {
        string folder = arguments.Length > 0 ? arguments[0] : "runs/quality";
        double share = arguments.Length > 1 ? double.Parse(arguments[1], CultureInfo.InvariantCulture) : 1;
        using (var encoder = QualityModels.Encoder(folder, share)) Measure("ModernBERT 4 x 256", encoder);
        using (var gpt = QualityModels.Gpt(folder, share)) Measure("GPT 4 x 256", gpt);
        return 0;
    }

    private static void Measure(string model, QualityModels models)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        ModelInput[] data;
        using (ITransformerModel plain = models.Load()) data = [.. models.Calibration(plain).Select(c => c.Input)];
        Print($"\n{model}: its linear maps' bytes, and how well it predicts");
        Print($"{"",-34} {"bytes",12} {"of float16",10} {"perplexity",11} {"more %",8} {"right %",8} {"lost %",8} {"seconds",8}");
        EvaluationResult? whole = null;
        Way("float32", _ => null);
        Way("int8, each row's activations", one => Quantizer.Quantize(one, new QuantizationOptions()));
        QuantizationOptions fixedRange = new() { Scheme = QuantizationScheme.Int8Static };
        foreach (ActivationRange range in Enum.GetValues<ActivationRange>()) Way($"int8 static, {range}", one => Quantizer.QuantizeStatic(one, fixedRange, data, new ActivationOptions { Range = range }));
        Way("int8 static, smoothed", one =>
        {
            Quantizer.Smooth(one, data);
            return Quantizer.QuantizeStatic(one, fixedRange, data);
        });
        Way("int8 weights", one => Quantizer.Quantize(one, new QuantizationOptions { Scheme = QuantizationScheme.Int8Weights }));
        Way("nf4", one => Quantizer.Quantize(one, new QuantizationOptions { Scheme = QuantizationScheme.NormalFloat4 }));
        QuantizationOptions four = new() { Scheme = QuantizationScheme.Int4Weights };
        foreach (var (name, options) in new[]
        {
            ("int4, groups of 32", four with { GroupSize = 32 }),
            ("int4 by 32, small scales", four with { GroupSize = 32, IsSymmetric = true, HasHalfScales = true }),
            ("int4, groups of 128", four with { GroupSize = 128 }),
        })
        {
            Way($"{name}, nearest", one => Quantizer.Quantize(one, options));
            Way($"{name}, GPTQ", one => Quantizer.QuantizeGptq(one, options, data));
            Way($"{name}, AWQ", one => Quantizer.QuantizeAwq(one, options, data));
        }

        void Way(string name, Func<ITransformerModel, QuantizationResult?> quantize)
        {
            using DisposeScope own = NewDisposeScope();
            using ITransformerModel one = models.Load();
            ((nn.Module)one).eval();
            long start = Stopwatch.GetTimestamp();
            QuantizationResult? result = quantize(one);
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            EvaluationResult now = models.Quality(one);
            whole ??= now;
            string bytes = result is null ? $"{"",12} {"",10}" : string.Create(CultureInfo.InvariantCulture, $"{result.BytesAfter,12:N0} {200.0 * result.BytesAfter / result.BytesBefore,10:F1}");
            Print($"{name,-34} {bytes} {now.Perplexity,11:F4} {100 * (now.Perplexity / whole.Perplexity - 1),8:F3} {100 * now.Accuracy,8:F2} {100 * (1 - now.Accuracy / whole.Accuracy),8:F3} {seconds,8:F2}");
        }
    }
}
