using System.Reflection;
using TorchSharp;

namespace PreTrain.Torch;

/// <summary>
/// Counts and times the operators of torch while it runs. TorchSharp's API has no profiler, so that this asks the provider: the portable one observes libtorch's operators (RecordFunction);
/// with the package there is none. What is not started costs nothing.
/// </summary>
internal sealed class OperatorProfiler : IDisposable
{
    // The portable provider's own, which is not part of TorchSharp's API.
    private static readonly Type? s_provider = typeof(torch).Assembly.GetType("TorchSharp.Interop.OperatorTimes");
    private bool _running;

    private OperatorProfiler() => _running = true;

    /// <summary>What is missing for a profile; null if nothing is.</summary>
    internal static string? Missing => s_provider is not null ? null
        : "the package TorchSharp has no profiler of operators. Build with -p:TorchProvider=System, over a libtorch of the machine, to have one.";

    /// <summary>Begins to observe all threads.</summary>
    /// <exception cref="NotSupportedException">The provider has no profiler.</exception>
    /// <exception cref="InvalidOperationException">One is running already.</exception>
    internal static OperatorProfiler Start()
    {
        if (Missing is { } missing) throw new NotSupportedException(missing);
        Call<Action>("Start")();
        return new OperatorProfiler();
    }

    /// <summary>Ends the observation.</summary>
    /// <returns>Every operator that was called, in no order.</returns>
    internal IReadOnlyList<OperatorTime> Stop()
    {
        if (!_running) return [];
        _running = false;
        return [.. Call<Func<(string, long, long, long)[]>>("Stop")().Select(o => new OperatorTime(o.Item1, o.Item2, o.Item3 / 1e9, o.Item4 / 1e9))];
    }

    public void Dispose() => Stop();

    private static T Call<T>(string name) where T : Delegate => s_provider!.GetMethod(name, BindingFlags.Static | BindingFlags.NonPublic)!.CreateDelegate<T>();
}
