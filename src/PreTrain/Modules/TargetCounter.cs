using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// While one is open on a thread, <see cref="ChunkedCrossEntropy"/> counts in it how many targets have the highest score. Each chunk's scores are looked at while they are there, so that
/// a measure of many tokens takes no memory of its own; without a counter nothing is computed.
/// </summary>
internal sealed class TargetCounter : IDisposable
{
    [ThreadStatic]
    private static TargetCounter? s_current;

    private readonly TargetCounter? _outer = s_current;

    internal TargetCounter() => s_current = this;

    /// <summary>Positions with a target.</summary>
    internal long Targets { get; private set; }

    /// <summary>Targets with the highest score of their position.</summary>
    internal long Right { get; private set; }

    /// <summary>Counts scores, (N, V), and targets, (N).</summary>
    internal static void Count(Tensor scores, Tensor targets)
    {
        if (s_current is not { } counter) return;
        using var scope = TorchSharp.torch.NewDisposeScope();
        using IDisposable mode = no_grad();
        counter.Targets += targets.ne(CrossEntropy.Ignored).sum().item<long>();
        counter.Right += scores.argmax(1).eq(targets).sum().item<long>();   // no class is the number of what does not count
    }

    public void Dispose() => s_current = _outer;
}
