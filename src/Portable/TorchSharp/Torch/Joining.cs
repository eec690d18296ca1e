using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    // Tensors joined along an axis that they have, and along a new one.

    private static readonly Operator s_cat = new("cat");
    public static Tensor cat(IList<Tensor> tensors, long dim = 0) => s_cat.Call(Value.Tensors([.. tensors]), dim);
    public static Tensor cat(ReadOnlySpan<Tensor> tensors, long dim = 0) => s_cat.Call(Value.Tensors(tensors.ToArray()), dim);
    public static Tensor cat(Tensor[] tensors, long dim = 0) => s_cat.Call(Value.Tensors(tensors), dim);

    public static Tensor concat(IList<Tensor> tensors, long dim = 0) => cat(tensors, dim);
    public static Tensor concat(ReadOnlySpan<Tensor> tensors, long dim = 0) => cat(tensors, dim);
    public static Tensor concat(Tensor[] tensors, long dim = 0) => cat(tensors, dim);

    public static Tensor concatenate(IList<Tensor> tensors, long axis = 0) => cat(tensors, axis);
    public static Tensor concatenate(ReadOnlySpan<Tensor> tensors, long axis = 0) => cat(tensors, axis);
    public static Tensor concatenate(Tensor[] tensors, long axis = 0) => cat(tensors, axis);

    private static readonly Operator s_stack = new("stack");
    public static Tensor stack(IEnumerable<Tensor> tensors, long dim = 0) => s_stack.Call(Value.Tensors([.. tensors]), dim);

    // Tensors joined in the order of rows, columns and layers.

    private static readonly Operator s_vstack = new("vstack");
    public static Tensor vstack(IList<Tensor> tensors) => s_vstack.Call(Value.Tensors([.. tensors]));
    public static Tensor vstack(ReadOnlySpan<Tensor> tensors) => s_vstack.Call(Value.Tensors(tensors.ToArray()));
    public static Tensor vstack(Tensor[] tensors) => s_vstack.Call(Value.Tensors(tensors));

    public static Tensor row_stack(IList<Tensor> tensors) => vstack(tensors);
    public static Tensor row_stack(ReadOnlySpan<Tensor> tensors) => vstack(tensors);
    public static Tensor row_stack(params Tensor[] tensors) => vstack(tensors);

    private static readonly Operator s_hstack = new("hstack");
    public static Tensor hstack(IEnumerable<Tensor> tensors) => s_hstack.Call(Value.Tensors([.. tensors]));
    public static Tensor hstack(IList<Tensor> tensors) => s_hstack.Call(Value.Tensors([.. tensors]));
    public static Tensor hstack(ReadOnlySpan<Tensor> tensors) => s_hstack.Call(Value.Tensors(tensors.ToArray()));
    public static Tensor hstack(params Tensor[] tensors) => s_hstack.Call(Value.Tensors(tensors));

    private static readonly Operator s_column_stack = new("column_stack");
    public static Tensor column_stack(IList<Tensor> tensors) => s_column_stack.Call(Value.Tensors([.. tensors]));
    public static Tensor column_stack(ReadOnlySpan<Tensor> tensors) => s_column_stack.Call(Value.Tensors(tensors.ToArray()));
    public static Tensor column_stack(params Tensor[] tensors) => s_column_stack.Call(Value.Tensors(tensors));

    private static readonly Operator s_dstack = new("dstack");
    public static Tensor dstack(IEnumerable<Tensor> tensors) => s_dstack.Call(Value.Tensors([.. tensors]));
    public static Tensor dstack(IList<Tensor> tensors) => s_dstack.Call(Value.Tensors([.. tensors]));
    public static Tensor dstack(ReadOnlySpan<Tensor> tensors) => s_dstack.Call(Value.Tensors(tensors.ToArray()));
    public static Tensor dstack(params Tensor[] tensors) => s_dstack.Call(Value.Tensors(tensors));

    private static readonly Operator s_block_diag = new("block_diag");
    public static Tensor block_diag(params Tensor[] tensors) => s_block_diag.Call(Value.Tensors(tensors));

    // Tensors that are made to fit each other.

    private static readonly Operator s_broadcast_tensors = new("broadcast_tensors");
    public static IList<Tensor> broadcast_tensors(params Tensor[] tensors) => s_broadcast_tensors.CallList(Value.Tensors(tensors));

    /// <summary>The shape that tensors of these shapes have together: axes are aligned at the end, and those of length one stretch.</summary>
    public static Size broadcast_shapes(params long[][] shapes)
    {
        var result = new long[shapes.Length == 0 ? 0 : shapes.Max(s => s.Length)];
        Array.Fill(result, 1);
        foreach (long[] shape in shapes)
        {
            for (int i = 1; i <= shape.Length; i++)
            {
                long length = shape[^i];
                if (length == 1 || length == result[^i]) continue;
                if (result[^i] != 1)
                    throw new ArgumentException($"The shapes cannot be broadcast: axis {-i} has the lengths {result[^i]} and {length}.", nameof(shapes));
                result[^i] = length;
            }
        }
        return result;
    }

    private static readonly Operator s_meshgrid = new("meshgrid", "indexing");
    public static Tensor[] meshgrid(IEnumerable<Tensor> tensors, string indexing = "ij") => s_meshgrid.CallList(Value.Tensors([.. tensors]), indexing);

    private static readonly Operator s_cartesian_prod = new("cartesian_prod");
    public static Tensor cartesian_prod(IList<Tensor> tensors) => s_cartesian_prod.Call(Value.Tensors([.. tensors]));
    public static Tensor cartesian_prod(ReadOnlySpan<Tensor> tensors) => s_cartesian_prod.Call(Value.Tensors(tensors.ToArray()));
    public static Tensor cartesian_prod(params Tensor[] tensors) => s_cartesian_prod.Call(Value.Tensors(tensors));

    private static readonly Operator s_combinations = new("combinations");
    public static Tensor combinations(Tensor input, int r = 2, bool with_replacement = false) => s_combinations.Call(input, r, with_replacement);
}
