// N rows, I inputs, O outputs
using PreTrain.Modules;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>A linear map that remembers what it read last.</summary>
internal sealed class RecordingTransform() : ProjectionTransform(nameof(RecordingTransform))
{
    private Tensor? _inputs;

    /// <inheritdoc/>
    public override Tensor Product(Projection projection, Tensor x)
    {
        _inputs?.Dispose();
        _inputs = x.detach().clone().DetachFromDisposeScope();
        return WeightProduct.Apply(x, projection.weight);
    }

    /// <summary>What was read last, (N, I), which is the caller's.</summary>
    internal Tensor Take()
    {
        Tensor taken = _inputs!;
        _inputs = null;
        return taken;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) _inputs?.Dispose();
        base.Dispose(disposing);
    }
}
