// I inputs
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Quantization;

/// <summary>Factors that go from what makes the inputs of linear maps into the maps' weights. What is not kept is taken back.</summary>
internal sealed class ScaleFolding : IDisposable
{
    private readonly List<(Tensor Value, Tensor Before)> _before = [];
    private bool _isKept;

    /// <summary>Divides what makes the inputs, and multiplies what reads them.</summary>
    /// <param name="site">Where.</param>
    /// <param name="scales">Positive numbers, (I).</param>
    internal void Apply(ScalingSite site, Tensor scales)
    {
        using DisposeScope scope = NewDisposeScope();
        foreach (var (maker, from) in site.Makers)
        {
            Remember(maker);
            Tensor rows = maker.detach().narrow(0, from, scales.numel());
            rows.div_(maker.ndim == 2 ? scales.unsqueeze(1) : scales);
        }
        foreach (var reader in site.Readers)
        {
            Remember(reader.weight);
            reader.weight.mul_(scales);
        }
    }

    /// <summary>Leaves the factors where they are.</summary>
    internal void Keep() => _isKept = true;

    public void Dispose()
    {
        // From the last to the first, since a weight can be at several places.
        for (int i = _before.Count - 1; i >= 0; i--)
        {
            if (!_isKept) _before[i].Value.copy_(_before[i].Before);
            _before[i].Before.Dispose();
        }
    }

    private void Remember(Tensor value) => _before.Add((value, value.detach().clone().DetachFromDisposeScope()));
}
