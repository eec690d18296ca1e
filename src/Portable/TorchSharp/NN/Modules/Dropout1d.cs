using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>While training, zeroes whole channels of (N, C, L).</summary>
public sealed class Dropout1d : ParameterLessModule<Tensor, Tensor>
{
    internal Dropout1d(double p, bool inplace) : base(nameof(Dropout1d))
    {
        this.p = p;
        this.inplace = inplace;
    }

    public double p { get; set; }

    public bool inplace { get; set; }

    /// <exception cref="ArgumentException">There are not three axes.</exception>
    public override Tensor forward(Tensor tensor) =>
        tensor.ndim == 3 ? nn.functional.dropout1d(tensor, p, training, inplace) : throw new ArgumentException($"The tensor has {tensor.ndim} axes and must have three, (N, C, L).", nameof(tensor));
}
