// dotnet run -c Release --project benchmarks/PreTrain.Benchmarks -- pruned-models
using System.Diagnostics;
using System.Globalization;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Pruning;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Benchmarks;

/// <summary>BERT-base with 128 tokens beside itself with half of its heads and neurons. They take turns, since other programs disturb both, and the medians are compared.</summary>
internal static class PrunedModels
{
    private const int Length = 128, WarmUps = 3;

    internal static int Run(string[] arguments)
    {
        int rounds = arguments is [var count] ? int.Parse(count, CultureInfo.InvariantCulture) : 41;
        using IDisposable mode = inference_mode();
        using var full = new BertModel(BertPresets.Base, ModelHead.SequenceClassification);
        full.eval();
        using StructuredPruningResult pruned = StructuredPruner.Prune(full, new StructuredPruningOptions { HeadSparsity = 0.5, NeuronSparsity = 0.5 });
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{get_num_threads()} threads, medians of {rounds} rounds; {pruned.ParametersBefore:N0} parameters, {pruned.ParametersAfter:N0} without half of the heads and neurons"));
        Console.WriteLine("texts   full ms  pruned ms   ratio");
        foreach (int texts in new[] { 1, 8 })
        {
            using Tensor ids = randint(5, 30_000, [texts, Length], dtype: ScalarType.Int64);
            double[] before = new double[rounds], after = new double[rounds];
            for (int round = -WarmUps; round < rounds; round++)
            {
                double one = Time(full, ids), two = Time(pruned.Model, ids);
                if (round >= 0) (before[round], after[round]) = (one, two);
            }
            double median = Median(before), prunedMedian = Median(after);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{texts,5} {median,9:F2} {prunedMedian,10:F2} {median / prunedMedian,7:F2}"));
        }
        return 0;
    }

    private static double Time(ITransformerModel model, Tensor ids)
    {
        long start = Stopwatch.GetTimestamp();
        using (NewDisposeScope()) model.Forward(new ModelInput { Ids = ids });
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
