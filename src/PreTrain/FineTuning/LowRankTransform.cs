// N rows (tokens), I inputs, O outputs, R rank
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>A linear map beside which the updates of one or several adapters are computed.</summary>
internal sealed class LowRankTransform : ProjectionTransform
{
    private readonly Dictionary<string, LowRankUpdate> _updates = [];

    internal LowRankTransform() : base(nameof(LowRankTransform)) => RegisterComponents();

    internal IReadOnlyDictionary<string, LowRankUpdate> Updates => _updates;

    internal void Add(string name, LowRankUpdate update)
    {
        register_module(name, update);
        _updates.Add(name, update);
    }

    internal void Remove(string name)
    {
        if (!_updates.Remove(name, out LowRankUpdate? update)) return;
        register_module(name, null!);
        update.Dispose();
    }

    /// <inheritdoc/>
    public override Tensor Product(Projection projection, Tensor x)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor product = WeightProduct.Apply(x, projection.weight);
        foreach (LowRankUpdate update in _updates.Values)
        {
            if (!update.IsActive) continue;
            product += update.Of(x);
            if (update.magnitude is null) continue;
            // The length counts as a constant in the gradient (Liu et al. 2024, section 4.3).
            Tensor length;
            using (no_grad()) length = LowRankUpdate.LengthsOf(projection.weight.to(ScalarType.Float32) + update.Delta().to(ScalarType.Float32));
            product = product * (update.magnitude / length.to(update.magnitude.dtype));
        }
        return scope.MoveToOuter(product);
    }
}
