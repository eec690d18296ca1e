// N rows (tokens), I inputs, O outputs, R rank
using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>A linear map beside which the updates of one or several adapters are computed, in 32 bits whatever the map's own weight is in.</summary>
internal sealed class LowRankTransform : ProjectionTransform
{
    private readonly Dictionary<string, LowRankUpdate> _updates = [];

    /// <param name="quantized">The map in few bits; null where it has its weight.</param>
    internal LowRankTransform(QuantizedProjection? quantized) : base(nameof(LowRankTransform))
    {
        RegisterComponents();
        Quantized = quantized;
        if (quantized is not null) register_module("base", quantized);
    }

    /// <summary>The map in few bits; null where it has its weight.</summary>
    internal QuantizedProjection? Quantized { get; private set; }

    internal override ProjectionTransform? Base => Quantized;

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

    /// <summary>Gives the map in few bits back.</summary>
    internal QuantizedProjection? Release()
    {
        QuantizedProjection? quantized = Quantized;
        if (quantized is not null) register_module("base", null!);
        Quantized = null;
        return quantized;
    }

    /// <inheritdoc/>
    public override Tensor Product(Projection projection, Tensor x)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor product = Quantized is null ? WeightProduct.Apply(x, projection.weight) : Quantized.Multiply(x, null);
        foreach (LowRankUpdate update in _updates.Values)
        {
            if (!update.IsActive) continue;
            product += update.Of(x);
            if (update.magnitude is null) continue;
            // The length counts as a constant in the gradient (Liu et al. 2024, section 4.3).
            Tensor length;
            using (no_grad()) length = LowRankUpdate.LengthsOf((Quantized?.Weight.Dequantize(x.device, ScalarType.Float32) ?? projection.weight).to(ScalarType.Float32) + update.Delta().to(ScalarType.Float32));
            product = product * (update.magnitude / length.to(update.magnitude.dtype));
        }
        return scope.MoveToOuter(product);
    }
}
