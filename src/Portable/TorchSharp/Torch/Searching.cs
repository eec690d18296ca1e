using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    // Places in a sorted sequence.

    private static readonly Operator s_searchsorted = new("searchsorted", "Tensor");
    private static readonly Operator s_searchsorted_scalar = new("searchsorted", "Scalar");
    public static Tensor searchsorted(Tensor sorted_sequence, Scalar values, bool out_int32, bool right, Tensor? sorter) =>
        s_searchsorted_scalar.Call(sorted_sequence, values, out_int32, right, Value.None, sorter);
    public static Tensor searchsorted(Tensor sorted_sequence, Tensor values, bool out_int32 = false, bool right = false, Tensor? sorter = null) =>
        s_searchsorted.Call(sorted_sequence, values, out_int32, right, Value.None, sorter);

    // Places where a condition holds.

    private static readonly Operator s_where_list = new("where");
    public static Tensor[] where(Tensor condition) =>
        condition.dtype == ScalarType.Bool
            ? s_where_list.CallList(condition)
            : throw new ArgumentException($"The condition ({condition.dtype}) must be a tensor of Bool.", nameof(condition));

    // Counts in intervals.

    private static readonly Operator s_histogram = new("histogram", "bin_ct");
    private static readonly Operator s_histogram_tensor = new("histogram", "bins_tensor");
    public static (Tensor hist, Tensor bin_edges) histogram(Tensor input, Tensor bins, Tensor? weight = null, bool density = false) =>
        s_histogram_tensor.Call2(input, bins, weight, density);
    public static (Tensor hist, Tensor bin_edges) histogram(Tensor input, long bins, (double min, double max)? range = null, Tensor? weight = null, bool density = false) =>
        s_histogram.Call2(input, bins, range is { } r ? new[] { r.min, r.max } : null, weight, density);
}
