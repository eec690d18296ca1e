using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>Gives back its input, as another object over the same tensor.</summary>
public sealed class Identity : ParameterLessModule<Tensor, Tensor>
{
    internal Identity() : base(nameof(Identity))
    {
    }

    public override Tensor forward(Tensor tensor) => tensor.alias();
}
