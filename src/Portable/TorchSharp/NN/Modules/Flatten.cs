using TorchSharp.Interop;
using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>Makes one axis out of several neighbouring ones.</summary>
public sealed class Flatten : ParameterLessModule<Tensor, Tensor>
{
    private static readonly Operator s_flatten = new("flatten", "using_ints");

    internal Flatten(long start_dim, long end_dim) : base(nameof(Flatten))
    {
        this.start_dim = start_dim;
        this.end_dim = end_dim;
    }

    public long start_dim { get; set; }

    public long end_dim { get; set; }

    public override Tensor forward(Tensor input) => s_flatten.Call(input, start_dim, end_dim);
}
