// B sequences, C hidden states
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>A class from a sequence's first hidden state: a map, an activation and a map, with dropout before each (Liu et al. 2019; Clark et al. 2020).</summary>
public sealed class ClassificationHead : nn.Module<Tensor, Tensor>
{
    /// <summary>(C, C) and (labels, C), with bias.</summary>
    public readonly Projection hidden, output;

    private readonly Activation _activation;
    private readonly double _dropout;

    /// <summary>Creates the head with undefined weights.</summary>
    public ClassificationHead(long width, long labels, Activation activation, double dropout) : base(nameof(ClassificationHead))
    {
        (_activation, _dropout) = (activation, dropout);
        hidden = new Projection(width, width);
        output = new Projection(width, labels);
        RegisterComponents();
    }

    /// <summary>(B, C) → (B, labels).</summary>
    public override Tensor forward(Tensor first)
    {
        Tensor x = Activations.Apply(_activation, hidden.forward(Drop(first)));
        return output.forward(Drop(x));
    }

    private Tensor Drop(Tensor x) => training && _dropout > 0 ? CounterDropout.Apply(x, _dropout) : x;
}
