// N rows (tokens), I inputs, O outputs
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// What a <see cref="Projection"/> computes in place of x·Wᵀ: an adapter beside the weight, a weight with a mask or of few bits. It is a submodule of the projection, named
/// <c>transform</c>, so that its parameters are the model's. The bias stays the projection's.
/// </summary>
public abstract class ProjectionTransform : nn.Module
{
    /// <summary>Creates the module.</summary>
    /// <param name="name">The type's name.</param>
    protected ProjectionTransform(string name) : base(name)
    {
    }

    /// <summary>What is computed in place of the weight, beneath what this one adds; null where that is the weight itself.</summary>
    internal virtual ProjectionTransform? Base => null;

    /// <summary>Whether it computes x·Wᵀ and nothing else for now, as an adapter does that is merged or switched off.</summary>
    internal virtual bool IsIdle => false;

    /// <summary>Computes in place of x·Wᵀ.</summary>
    /// <param name="projection">The projection, with its weight W, (O, I).</param>
    /// <param name="x">(…, I).</param>
    /// <returns>(…, O).</returns>
    public abstract Tensor Product(Projection projection, Tensor x);

    /// <summary>Computes in place of x·Wᵀ + b, for transforms that add the bias on their way.</summary>
    /// <param name="projection">The projection, with its weight W, (O, I).</param>
    /// <param name="x">(…, I).</param>
    /// <param name="bias">b, (O).</param>
    /// <returns>(…, O).</returns>
    public virtual Tensor ProductAndBias(Projection projection, Tensor x, Parameter bias)
    {
        using Tensor product = Product(projection, x);
        return product + bias;
    }
}
