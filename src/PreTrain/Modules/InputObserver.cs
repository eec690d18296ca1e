// N rows (tokens), I inputs
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>A linear map that computes as it did, and shows what it is applied to.</summary>
/// <param name="see">Is given the rows of each call, (N, I), of which it keeps nothing.</param>
internal sealed class InputObserver(Action<Tensor> see) : ProjectionTransform(nameof(InputObserver))
{
    /// <inheritdoc/>
    public override Tensor Product(Projection projection, Tensor x)
    {
        using (NewDisposeScope())
        using (no_grad()) see(x.detach().reshape(-1, x.size(-1)));
        return WeightProduct.Apply(x, projection.weight);
    }
}
