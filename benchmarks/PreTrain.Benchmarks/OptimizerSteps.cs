using System.Diagnostics;
using System.Globalization;
using PreTrain.Models.Gpt;
using PreTrain.Optimization;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Benchmarks;

/// <summary>
/// A step of every optimizer for the 124 million parameters of GPT-2, beside the time of copying the bytes that it must touch: <c>-- optimizer-steps [NAME…]</c>. Those are
/// gradient, weights and state, read and written once, and the 16-bit copy of the weights; to copy N bytes touches 2 N. Steps and copies take turns, since other
/// programs disturb both, and the least of each counts. Muon's products are flops and not bytes: its second line is its passes over memory alone.
/// </summary>
internal static class OptimizerSteps
{
    private const int Rounds = 7, RoundsOfProducts = 1;

    private static readonly IOptimizerOptions[] s_optimizers =
    [
        new SgdOptions { Momentum = 0 }, new SgdOptions(), new AdamWOptions(), new AdamOptions(), new AdamaxOptions(), new RmsPropOptions(), new AdagradOptions(), new LionOptions(), new AdamW8BitOptions(),
        new LambOptions(), new AdafactorOptions(), new MuonOptions(),
    ];

    internal static int Run(string[] names)
    {
        set_num_threads(Environment.ProcessorCount);
        Console.WriteLine("optimizer     precision   bytes/parameter   step ms   copy ms   ratio");
        foreach (Precision precision in new[] { Precision.Float32, Precision.BFloat16 })
        {
            using var model = new GptModel(GptPresets.Gpt2Small);
            using var parameters = new FlatParameters(model, precision);
            using Tensor gradient = randn_like(parameters.Gradient) * 1e-3;
            foreach (IOptimizerOptions options in s_optimizers.Where(o => names.Length == 0 || names.Contains(o.Name)))
            {
                using IOptimizer optimizer = options.Create(parameters);
                Measure(options.Name, optimizer, () => optimizer.Step(1e-5), parameters, gradient, options is MuonOptions ? RoundsOfProducts : Rounds);
                if (options is MuonOptions muon) MeasurePasses(muon, optimizer, parameters, gradient);
            }
        }
        return 0;
    }

    /// <summary>What Muon does beside its products.</summary>
    private static void MeasurePasses(MuonOptions options, IOptimizer muon, FlatParameters parameters, Tensor example)
    {
        using DisposeScope scope = NewDisposeScope();
        var update = new UpdateOptions();
        using var rest = new ElementwisePart<AdamRule>(parameters, update, ParameterGroup.Of(parameters, update, range => !Muon.IsOrthogonal(range)), AdamRule.Kinds, options.Rest.Rule);
        (ParameterRange Range, Tensor Momentum, Tensor Direction)[] matrices = [.. parameters.Ranges.Where(Muon.IsOrthogonal).Select(range => (range, zeros([range.End - range.Start]), zeros([range.End - range.Start])))];
        GradientShape shape = GradientShape.Of(update, 1, decays: true);
        Measure("  its passes", muon, () =>
        {
            rest.Step(1, 1e-5, 1);
            foreach (var (range, momentum, direction) in matrices)
            {
                MuonKernels.Direction(parameters, range, momentum, direction, shape, options.Momentum, options.Nesterov);
                MuonKernels.Add(parameters, range, direction, 1 - 1e-6, 1e-5);
            }
        }, parameters, example, Rounds);
    }

    private static void Measure(string name, IOptimizer optimizer, Action run, FlatParameters parameters, Tensor example, int rounds)
    {
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        long state = optimizer.State().Sum(s => s.View.numel() * s.View.element_size()), gradient = parameters.Gradient.numel() * parameters.Gradient.element_size();
        long copied = ReferenceEquals(parameters.Compute, parameters.Master) ? 0 : parameters.Compute.numel() * parameters.Compute.element_size();
        long touched = 2 * (state + gradient + 4 * parameters.Length) + copied;
        Tensor from = ones([touched / 2 / 4 / 4]), to = zeros_like(from);   // a quarter, four times: too large for any cache
        double step = double.PositiveInfinity, copy = double.PositiveInfinity;
        for (int round = 0; round < rounds; round++)
        {
            parameters.Gradient.copy_(example);
            step = Math.Min(step, Time(run));
            copy = Math.Min(copy, Time(() =>
            {
                for (int i = 0; i < 4; i++) to.copy_(from);
            }));
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-13} {parameters.Precision,-11} {touched / (double)parameters.Length,15:F1} {step,9:F1} {copy,9:F1} {step / copy,7:F2}"));
    }

    private static double Time(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
}
