using System.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Compare;

/// <summary>What one operator call costs beside its work.</summary>
internal static class OperatorCalls
{
    internal static void Time()
    {
        const int calls = 200_000, rounds = 15;
        set_num_threads(1);
        Tensor a = ones([1, 1]), b = ones([1, 1]);
        var times = new List<double>();
        for (int round = 0; round < rounds; round++)
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < calls; i++)
            {
                using Tensor c = a + b;
            }
            times.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds / calls);
        }
        Console.WriteLine($"addition of two 1×1 tensors: median {times.Order().ElementAt(rounds / 2):F3} µs, least {times.Min():F3} µs");
    }
}
