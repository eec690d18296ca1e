using TorchSharp.Interop;
using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>Makes several axes out of one; one of their lengths may be −1.</summary>
public sealed class Unflatten : ParameterLessModule<Tensor, Tensor>
{
    private static readonly Operator s_view = new("view");

    internal Unflatten(long dim, long[] unflattened_size) : base(nameof(Unflatten))
    {
        this.dim = dim;
        this.unflattened_size = unflattened_size;
    }

    public long dim { get; set; }

    public long[] unflattened_size { get; set; }

    public override Tensor forward(Tensor tensor)
    {
        long[] shape = tensor.shape;
        int axis = (int)(dim < 0 ? dim + shape.Length : dim);
        if (axis < 0 || axis >= shape.Length) throw new ArgumentException($"dim ({dim}) must be an axis of the input, which has {shape.Length}.");
        return s_view.Call(tensor, (long[])[.. shape[..axis], .. unflattened_size, .. shape[(axis + 1)..]]);
    }
}
