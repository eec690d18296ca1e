// N rows (tokens), I inputs, O outputs, R rank
using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>A linear map beside which the updates of one or several adapters are computed, in 32 bits whatever the map's own weight is in.</summary>
internal sealed class LowRankTransform : ProjectionTransform
{
    /// <summary>What the map in few bits is called among the submodules, beside the adapters.</summary>
    internal const string BaseName = "base";

    private readonly Dictionary<string, LowRankUpdate> _updates = [];
    private readonly List<LowRankUpdate> _merged = [];   // in their order
    private IDisposable? _unmerged;                      // the weight without them: a Tensor, or a QuantizedMatrix

    /// <param name="quantized">The map in few bits; null where it has its weight.</param>
    internal LowRankTransform(QuantizedProjection? quantized) : base(nameof(LowRankTransform))
    {
        RegisterComponents();
        Quantized = quantized;
        if (quantized is not null) register_module(BaseName, quantized);
    }

    /// <summary>The map in few bits; null where it has its weight.</summary>
    internal QuantizedProjection? Quantized { get; private set; }

    internal override ProjectionTransform? Base => Quantized;

    /// <inheritdoc/>
    internal override bool IsIdle => Quantized is null && !_updates.Values.Any(update => update.IsActive);

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

    /// <summary>Adds an update to the weight; one of few bits takes the nearest codes again.</summary>
    /// <exception cref="ArgumentException">What a weight of few bits becomes is not finite, or beyond what its scales hold; it is as it was then.</exception>
    internal void Merge(Projection projection, LowRankUpdate update)
    {
        if (Quantized is not null)
        {
            QuantizedMatrix before = Quantized.Exchange(With(update, Quantized.Weight, _unmerged as QuantizedMatrix));
            if (_unmerged is null) _unmerged = before;
            else before.Dispose();
        }
        else
        {
            _unmerged ??= projection.weight.detach().clone().DetachFromDisposeScope();
            Add(update, projection.weight, (Tensor)_unmerged);
        }
        _merged.Add(update);
    }

    /// <summary>Takes an update out of the weight, which is to the last bit what the others alone make of it.</summary>
    internal void Unmerge(Projection projection, LowRankUpdate update)
    {
        _merged.Remove(update);
        if (Quantized is not null)
        {
            var weight = (QuantizedMatrix)_unmerged!;
            foreach (LowRankUpdate other in _merged)
            {
                QuantizedMatrix next = With(other, weight, (QuantizedMatrix)_unmerged!);
                if (!ReferenceEquals(weight, _unmerged)) weight.Dispose();
                weight = next;
            }
            Quantized.Exchange(weight).Dispose();
        }
        else
        {
            projection.weight.copy_((Tensor)_unmerged!);
            foreach (LowRankUpdate other in _merged) Add(other, projection.weight, (Tensor)_unmerged!);
            if (_merged.Count == 0) _unmerged!.Dispose();
        }
        if (_merged.Count == 0) _unmerged = null;
    }

    /// <summary>Leaves an update in the weight for good, if it is there.</summary>
    internal void Keep(LowRankUpdate update)
    {
        if (!_merged.Remove(update)) return;
        if (_merged.Count > 0 && _unmerged is Tensor weight)
        {
            Add(update, weight, weight);
            return;
        }
        QuantizedMatrix? others = _merged.Count > 0 ? With(update, (QuantizedMatrix)_unmerged!, null) : null;
        _unmerged!.Dispose();
        _unmerged = others;
    }

    private static void Add(LowRankUpdate update, Tensor weight, Tensor own)
    {
        using DisposeScope scope = NewDisposeScope();
        weight.copy_(update.Apply(weight, own));
    }

    /// <param name="update">The update.</param>
    /// <param name="weight">What it is added to.</param>
    /// <param name="own">The weight without updates; null where that is what it is added to.</param>
    private static QuantizedMatrix With(LowRankUpdate update, QuantizedMatrix weight, QuantizedMatrix? own)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor values = weight.Dequantize(update.a.device, ScalarType.Float32);
        Tensor ownValues = own is null || ReferenceEquals(own, weight) || !update.IsHadamard ? values : own.Dequantize(update.a.device, ScalarType.Float32);
        return QuantizedMatrix.Quantize(update.Apply(values, ownValues), weight.Format);
    }

    /// <summary>The weight as it computes, times factors, (O, I).</summary>
    private Tensor Multiplied(LowRankUpdate[] factors, Tensor weight, Device device)
    {
        Tensor own = Own(weight, device), sum = _unmerged is null ? own : Quantized?.Weight.Dequantize(device, ScalarType.Float32) ?? weight;
        foreach (LowRankUpdate update in factors) sum += own * update.Delta();
        return sum;
    }

    /// <summary>The weight without any update.</summary>
    private Tensor Own(Tensor current, Device device) => (_unmerged ?? Quantized?.Weight) switch
    {
        Tensor weight => weight,
        QuantizedMatrix codes => codes.Dequantize(device, ScalarType.Float32),
        _ => current,
    };

    /// <summary>Gives the map in few bits back.</summary>
    internal QuantizedProjection? Release()
    {
        QuantizedProjection? quantized = Quantized;
        if (quantized is not null) register_module(BaseName, null!);
        Quantized = null;
        return quantized;
    }

    /// <inheritdoc/>
    public override Tensor Product(Projection projection, Tensor x)
    {
        using DisposeScope scope = NewDisposeScope();
        LowRankUpdate[] active = [.. _updates.Values.Where(update => update.IsActive)];
        // In 32 bits factors of the weight cost one product with it; in fewer, small ones would be lost in its rounding.
        LowRankUpdate[] factors = x.dtype == ScalarType.Float32 && !active.Any(update => update.magnitude is not null) ? [.. active.Where(update => update.IsFactor)] : [];
        Tensor product = factors.Length > 0 ? WeightProduct.Apply(x, Multiplied(factors, projection.weight, x.device))
            : Quantized is null ? WeightProduct.Apply(x, projection.weight) : Quantized.Multiply(x, null);
        foreach (LowRankUpdate update in active.Except(factors))
        {
            product += update.Of(x, () => Own(projection.weight, x.device));
            if (update.magnitude is null) continue;
            // The length counts as a constant in the gradient (Liu et al. 2024, section 4.3).
            Tensor length;
            using (no_grad()) length = LowRankUpdate.LengthsOf((Quantized?.Weight.Dequantize(x.device, ScalarType.Float32) ?? projection.weight).to(ScalarType.Float32) + update.Delta().to(ScalarType.Float32));
            product = product * (update.magnitude / length.to(update.magnitude.dtype));
        }
        return scope.MoveToOuter(product);
    }
}
