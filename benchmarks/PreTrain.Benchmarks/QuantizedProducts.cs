// dotnet run -c Release --project benchmarks/PreTrain.Benchmarks -- quantized-products
using System.Diagnostics;
using System.Globalization;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using PreTrain.Quantization;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Benchmarks;

/// <summary>
/// Products with quantized weights beside those in 32 bits, alone and in whole models: BERT-base with 128 tokens, and GPT-2's next token with 64 in the cache. They take turns, since other programs
/// disturb both, and the least of each counts.
/// </summary>
internal static class QuantizedProducts
{
    private static readonly QuantizationScheme[] s_schemes = [QuantizationScheme.Int8Dynamic, QuantizationScheme.Int8Weights, QuantizationScheme.Int4Weights];

    internal static int Run(string[] arguments)
    {
        int rounds = arguments is [var count] ? int.Parse(count, CultureInfo.InvariantCulture) : 41;
        using IDisposable mode = inference_mode();
        Console.WriteLine($"{get_num_threads()} threads, best of {rounds} rounds");
        Console.WriteLine("what                              scheme        float32 ms    ms   ratio");
        foreach (var (outputs, inputs) in new[] { (768L, 768L), (2304L, 768L), (3072L, 768L), (768L, 3072L), (50257L, 768L) })
        {
            foreach (long rows in outputs > 10_000 ? [1] : new[] { 128L, 1L }) Product(rows, inputs, outputs, rounds);
        }
        Bert(rounds);
        Gpt(rounds);
        return 0;
    }

    private static void Product(long rows, long inputs, long outputs, int rounds)
    {
        using DisposeScope scope = NewDisposeScope();
        // As many maps as a model has, so that a single row finds none in a cache.
        int copies = rows == 1 ? (int)Math.Max(1, 256L * 1024 * 1024 / (inputs * outputs * 4)) : 1;
        Projection[] plain = Maps();
        Tensor x = randn([rows, inputs]);
        foreach (QuantizationScheme scheme in s_schemes)
        {
            if (rows > 1 && scheme != QuantizationScheme.Int8Dynamic) continue;
            Projection[] quantized = Maps();
            foreach (Projection map in quantized) map.Transform = new QuantizedProjection(QuantizedMatrix.Quantize(map.weight, FormatOf(scheme)), scheme);
            Compare($"{rows} x {inputs} -> {outputs}", scheme, rounds, () => All(plain), () => All(quantized), copies);
            foreach (Projection map in quantized) map.Dispose();
        }
        foreach (Projection map in plain) map.Dispose();

        Projection[] Maps() => [.. Enumerable.Range(0, copies).Select(_ =>
        {
            var map = new Projection(inputs, outputs);
            map.weight.normal_(0, 0.02);
            map.bias!.normal_(0, 0.02);
            return map;
        })];

        void All(Projection[] maps)
        {
            foreach (Projection map in maps) map.forward(x).Dispose();
        }
    }

    private static void Bert(int rounds)
    {
        using Tensor ids = randint(5, 30_000, [1, 128], dtype: ScalarType.Int64);
        using var plain = new BertModel(BertPresets.Base, ModelHead.SequenceClassification);
        plain.eval();
        foreach (QuantizationScheme scheme in s_schemes)
        {
            using var quantized = new BertModel(BertPresets.Base, ModelHead.SequenceClassification);
            quantized.eval();
            Quantizer.Quantize(quantized, new QuantizationOptions { Scheme = scheme });
            Compare("BERT-base, 128 tokens", scheme, rounds, () => Forward(plain), () => Forward(quantized));
        }

        void Forward(BertModel model)
        {
            using DisposeScope scope = NewDisposeScope();
            model.Forward(new ModelInput { Ids = ids });
        }
    }

    private static void Gpt(int rounds)
    {
        using Tensor prompt = randint(0, 50_257, [1, 64], dtype: ScalarType.Int64), next = randint(0, 50_257, [1, 1], dtype: ScalarType.Int64);
        using var plain = new GptModel(GptPresets.Gpt2Small);
        plain.eval();
        foreach (QuantizationScheme scheme in s_schemes)
        {
            using var quantized = new GptModel(GptPresets.Gpt2Small);
            quantized.eval();
            Quantizer.Quantize(quantized, new QuantizationOptions { Scheme = scheme, HasQuantizedTiedHead = true });
            using KeyValueCache plainCache = Cache(plain), quantizedCache = Cache(quantized);
            Compare("GPT-2, a token", scheme, rounds, () => plain.NextLogits(next, plainCache).Dispose(), () => quantized.NextLogits(next, quantizedCache).Dispose());
        }

        KeyValueCache Cache(GptModel model)
        {
            KeyValueCache cache = model.CreateCache(1, 1024);
            using DisposeScope scope = NewDisposeScope();
            model.NextLogits(prompt, cache);
            return cache;
        }
    }

    private static QuantizedFormat FormatOf(QuantizationScheme scheme) => scheme == QuantizationScheme.Int4Weights ? QuantizedFormat.Int4(32, isSymmetric: false) with { HasHalfScales = true } : QuantizedFormat.Int8;

    private static void Compare(string what, QuantizationScheme scheme, int rounds, Action plain, Action quantized, int calls = 1)
    {
        double first = double.PositiveInfinity, second = double.PositiveInfinity;
        for (int round = -3; round < rounds; round++)
        {
            double one = Time(plain), two = Time(quantized);
            if (round >= 0) (first, second) = (Math.Min(first, one), Math.Min(second, two));
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-32}  {scheme,-12} {first / calls,10:F3} {second / calls,7:F3} {first / second,6:F2}"));
    }

    private static double Time(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        using (NewDisposeScope()) action();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
}
