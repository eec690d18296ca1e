// P virtual tokens, B sequences, G key-value heads, D width of a head
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>Keys and values that every query of a block sees before those of its sequence (Li and Liang 2021, "Prefix-Tuning", section 4.2). No mask hides them, and no query is made of them.</summary>
internal sealed class AttentionPrefix : nn.Module
{
    /// <summary>(P, G·D).</summary>
    internal readonly Parameter keys, values;

    /// <param name="length">P.</param>
    /// <param name="width">G·D.</param>
    /// <param name="deviation">Of the initial values.</param>
    /// <param name="device">Where they are to lie.</param>
    /// <param name="generator">Where initial values are drawn from; torch's default generator if null.</param>
    internal AttentionPrefix(long length, long width, double deviation, Device device, Generator? generator) : base(nameof(AttentionPrefix))
    {
        using IDisposable mode = no_grad();
        (keys, values) = (Create(), Create());
        RegisterComponents();

        Parameter Create()
        {
            using DisposeScope scope = NewDisposeScope();
            var parameter = new Parameter(empty([length, width], dtype: ScalarType.Float32).normal_(0, deviation, generator).to(device));
            scope.Detach(parameter);
            return parameter;
        }
    }

    /// <summary>P.</summary>
    internal int Length => (int)keys.size(0);

    /// <summary>Keys and values for a batch, (B, G, P, D) each.</summary>
    internal (Tensor Keys, Tensor Values) Of(long batch, long heads)
    {
        return (Spread(keys), Spread(values));

        Tensor Spread(Tensor t) => t.view(1, t.size(0), heads, -1).transpose(1, 2).expand(batch, -1, -1, -1);
    }
}
