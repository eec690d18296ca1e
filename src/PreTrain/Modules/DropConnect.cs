// N rows (tokens), I inputs, O outputs
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// A map some of whose weights are zero in each pass of training (Wan et al. 2013, "Regularization of Neural Networks using DropConnect", section 3), biases
/// included. What is kept is divided by the probability of keeping it, so that evaluation uses the weights as they are. The paper draws a mask for each example; here
/// one serves the whole batch, so that the map stays one product.
/// </summary>
public static class DropConnect
{
    /// <summary>Maps with dropped weights.</summary>
    /// <param name="x">(N, I).</param>
    /// <param name="projection">The map.</param>
    /// <param name="rate">The probability with which a weight is dropped, at least 0 and below 1; at 0 the map is the plain one.</param>
    /// <returns>(N, O).</returns>
    public static Tensor Apply(Tensor x, Projection projection, double rate)
    {
        ArgumentNullException.ThrowIfNull(projection);
        if (!(rate >= 0 && rate < 1)) throw new ArgumentOutOfRangeException(nameof(rate), rate, $"The rate ({rate}) must be at least 0 and below 1.");
        if (rate == 0) return projection.forward(x);
        using DisposeScope scope = NewDisposeScope();
        Tensor weight = CounterDropout.Apply(projection.weight, rate);
        Tensor? bias = projection.bias is null ? null : CounterDropout.Apply(projection.bias, rate);
        return scope.MoveToOuter(WidenedProduct.Linear(x, weight, bias));
    }
}
